"""A fusion of streams: a graph whose nodes are streams; gates on its edges say what each takes of the others."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from train.heads.fusions.fusion import StreamFusion, require
from train.heads.fusions.node_norm import NodeNorm
from train.heads.streams import StreamState, StreamWidths

WIDTH, LAYERS = 128, 2


class GraphFusion(StreamFusion):
    """y = Linear([x₁ … x_M]) after two layers on xₘ = Wₘ vₘ and a learned vector e_ij for each ordered pair.

    A layer: e_ij += ReLU(BN(A xᵢ + B xⱼ + E e_ij)), then η_ij = softmaxⱼ σ(e_ij) value by value, then
    xᵢ += ReLU(BN(U xᵢ + meanⱼ η_ij ⊙ V xⱼ)).

    What edges begin with is ours (published: attention between frames). So is that a stream which lacks the clip
    sends nothing to others and does not count in the batch norms, whose channels are nodes and edges as published.

    Source: Song et al., "GRATIS", arXiv 2211.12482; for fusing streams AMEF, arXiv 2406.07437.
    """

    def __init__(self, streams: Sequence[StreamWidths], targets: int, dropout: float) -> None:
        super().__init__(streams, dropout)
        require(streams, "vector", "graph")
        count = len(streams)
        self.projections = nn.ModuleList(nn.Linear(stream.vector, WIDTH) for stream in streams)
        self.edges = nn.Parameter(torch.randn(count, count, WIDTH) * WIDTH**-0.5)
        self.layers = nn.ModuleList(GraphLayer(count) for _ in range(LAYERS))
        self.out = nn.Linear(count * WIDTH, targets)

    def forward(self, states: Sequence[StreamState]) -> Tensor:
        """Return (clips, targets)."""
        parts = [project(each) for project, each in zip(self.projections, self.vectors(states), strict=True)]
        nodes = torch.stack(parts, dim=1)
        edges = self.edges.expand(len(nodes), -1, -1, -1)
        present = torch.stack([state.present for state in states], dim=1)
        for layer in self.layers:
            nodes, edges = layer(nodes, edges, present)
        return self.out(nodes.flatten(1))  # type: ignore[no-any-return]


class GraphLayer(nn.Module):
    """One round of messages between ``count`` nodes."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.of_edge = nn.ModuleDict({name: nn.Linear(WIDTH, WIDTH, bias=False) for name in "ABE"})
        self.of_node = nn.ModuleDict({name: nn.Linear(WIDTH, WIDTH, bias=False) for name in "UV"})
        self.norm_edges, self.norm_nodes = NodeNorm(count * count), NodeNorm(count)

    def forward(self, nodes: Tensor, edges: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """Return nodes (clips, nodes, width) and edges (clips, nodes, nodes, width), both a round further."""
        heads, tails = self.of_edge["A"](nodes)[:, :, None], self.of_edge["B"](nodes)[:, None]
        both = (present[:, :, None] & present[:, None]).flatten(1)
        moved = self.norm_edges((heads + tails + self.of_edge["E"](edges)).flatten(1, 2), both)
        edges = edges + moved.relu().view_as(edges)
        sent = present[:, None] | torch.eye(present.shape[1], dtype=torch.bool, device=present.device)
        shares = edges.sigmoid().masked_fill(~sent[:, :, :, None], -torch.inf).softmax(2)
        taken = (shares * self.of_node["V"](nodes)[:, None]).mean(2)
        return nodes + self.norm_nodes(self.of_node["U"](nodes) + taken, present).relu(), edges
