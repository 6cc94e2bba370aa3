"""The temporal models and the fusions that a head can be made of, by name; each loads when first used."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from cache.common.registry import Registry
from train.errors import ConfigError

if TYPE_CHECKING:
    from train.heads.fusion import MakeFusion
    from train.heads.streams import MakeStreamFusion
    from train.heads.temporal.model import MakeTemporal

MOST_UNITS, MOST_LAYERS = (
    100_000,
    1_000,
)  # of a temporal model; what asks for more is a mistake, or means harm

TEMPORAL_MODELS: Registry[MakeTemporal] = Registry("temporal model", ConfigError)
TEMPORAL_MODELS.add(
    "lstm", "train.heads.temporal.lstm:LastOutputLSTM", "the method's, read at the last valid frame"
)
TEMPORAL_MODELS.add("gru", "train.heads.temporal.gru:LastOutputGRU", "read at the last valid frame")
TEMPORAL_MODELS.add(
    "bilstm", "train.heads.temporal.bilstm:TwoWayLSTM", "an LSTM in each direction, each read where it ends"
)
TEMPORAL_MODELS.add(
    "attention", "train.heads.temporal.attention:AttentionPooling", "weighted mean over the valid frames"
)
TEMPORAL_MODELS.add("mean", "train.heads.temporal.mean:MeanPooling", "no model: mean over the valid frames")
TEMPORAL_MODELS.add(
    "mamba",
    "train.heads.temporal.mamba:TwoWayMamba",
    "selective state spaces in each direction, each read where it ends",
)
TEMPORAL_MODELS.add(
    "two-scale",
    "train.heads.temporal.two_scale:TwoScaleAttention",
    "attention within windows and over the whole clip",
)

FUSIONS: Registry[MakeFusion] = Registry("fusion", ConfigError)
FUSIONS.add("concat", "train.heads.fusion:Concat", "the method's: joined, then Linear, Tanh, Linear")
FUSIONS.add("linear", "train.heads.fusion:ConcatLinear", "joined, then one linear layer")
FUSIONS.add("mlp", "train.heads.mlp:Network", "joined, then Linear, ReLU, Linear with 128 units between")

STREAM_FUSIONS: Registry[MakeStreamFusion] = Registry("fusion of streams", ConfigError)
STREAM_FUSIONS.add(
    "late",
    "train.heads.fusions.late:LateFusion",
    "one head per stream, trained apart; weights per stream and target, at least 0",
)
STREAM_FUSIONS.add(
    "gated",
    "train.heads.fusions.gated:GatedFusion",
    "sum of projected vectors, each value through a sigmoid gate",
)
STREAM_FUSIONS.add(
    "attention",
    "train.heads.fusions.attention:AttentionFusion",
    "sum of projected vectors, each times a weight of a network",
)
STREAM_FUSIONS.add(
    "query", "train.heads.fusions.query:QueryFusion", "one stream's vector asks the frames of the others"
)
STREAM_FUSIONS.add(
    "joint", "train.heads.fusions.joint:JointFusion", "streams and a joint one attend to each other"
)
STREAM_FUSIONS.add(
    "tensor",
    "train.heads.fusions.tensor:TensorFusion",
    "outer product of projected vectors; at most eight streams",
)
STREAM_FUSIONS.add(
    "low-rank", "train.heads.fusions.low_rank:LowRankFusion", "the same product, read by a tensor of rank 4"
)
STREAM_FUSIONS.add(
    "graph", "train.heads.fusions.graph:GraphFusion", "messages between streams, gated edge by edge"
)
STREAM_FUSIONS.add(
    "m2f",
    "train.heads.fusions.m2f:M2FFusion",
    "one stream's frames weighted by how they resemble the others'",
)


class _Fusions(Collection[str]):
    """The names of all fusions: those of vectors, then those that only several streams have."""

    def __contains__(self, name: object) -> bool:
        return name in FUSIONS or name in STREAM_FUSIONS

    def __iter__(self) -> Iterator[str]:
        yield from (*FUSIONS, *STREAM_FUSIONS)

    def __len__(self) -> int:
        return len(FUSIONS) + len(STREAM_FUSIONS)


ALL_FUSIONS: Collection[str] = _Fusions()
