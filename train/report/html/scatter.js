// Truth against prediction, a panel for each target: to be pointed at, clicked, and walked through by arrow keys.
const MOST_PANELS = 12;
const MARGIN = { left: 44, right: 10, top: 8, bottom: 34 };
const REACH = 14; // pixels from the pointer to a clip
const FEW_LABELS = 12; // different ones: their clips lie on each other unless they are spread sideways

class Panel {
  constructor(view, target) {
    this.view = view;
    this.target = target;
    this.canvas = element('canvas', { tabindex: '0', role: 'application', 'aria-roledescription': 'scatter plot' });
    this.hoverRing = element('span', { class: 'ring', hidden: '' });
    this.pinRing = element('span', { class: 'ring pinned', hidden: '' });
    const name = view.source.targets[target];
    const box = element('div', { class: 'box' }, this.canvas, this.pinRing, this.hoverRing);
    this.figure = element('figure', { class: 'panel' }, element('figcaption', {}, named(name)), box);
    this.listen();
  }

  listen() {
    const { canvas, view } = this;
    canvas.addEventListener('pointermove', (event) => view.hover(this.nearest(event.offsetX, event.offsetY)));
    canvas.addEventListener('pointerleave', () => view.hover(null));
    canvas.addEventListener('click', (event) => {
      const clip = this.nearest(event.offsetX, event.offsetY);
      if (clip !== null) this.choose(clip);
    });
    canvas.addEventListener('focus', () => { if (canvas.matches(':focus-visible') && this.order.length) this.walk(0, this.order); });
    canvas.addEventListener('blur', () => view.hover(null));
    canvas.addEventListener('keydown', (event) => this.key(event));
  }

  choose(clip) {
    this.view.pin(clip);
    this.view.playSound();
  }

  key(event) {
    const steps = { ArrowRight: [1, this.order], ArrowLeft: [-1, this.order], ArrowUp: [1, this.upward], ArrowDown: [-1, this.upward] };
    if (event.key in steps) this.walk(...steps[event.key]);
    else if (event.key === 'Home' || event.key === 'End') this.point(this.order.at(event.key === 'Home' ? 0 : -1) ?? null);
    else if ((event.key === 'Enter' || event.key === ' ') && this.view.hovered !== null) this.choose(this.view.hovered);
    else if (event.key === 'Escape') this.view.hover(null);
    else return;
    event.preventDefault();
  }

  walk(step, order) {
    if (!order.length) return;
    const now = order.indexOf(this.view.hovered ?? this.view.pinned);
    const next = now < 0 ? 0 : Math.min(order.length - 1, Math.max(0, now + step));
    this.point(order[next]);
  }

  point(clip) {
    this.view.hover(clip);
    if (clip === null) return;
    const { source, predictions } = this.view;
    say(`${shortened(source.ids[clip])}, ${shortened(source.targets[this.target])}: label ${shown(source.truth[this.target][clip])}, predicted ${shown(predictions[this.target][clip])}`);
  }

  // Where each clip is: (clips,) in pixels of the canvas, NaN where it has no label.
  layout() {
    const { source, predictions, clips } = this.view;
    const truth = source.truth[this.target];
    const predicted = predictions[this.target];
    const all = [...truth, ...predicted].filter((value) => value !== null);
    const [low, high] = all.length ? all.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]) : [0, 1];
    const gap = (high - low || 1) * 0.05;
    this.range = [low - gap, high + gap];
    const spread = new Set(truth).size <= FEW_LABELS ? (high - low || 1) * 0.06 : 0;
    const { width, height } = this.size();
    this.scale = {
      x: (value) => MARGIN.left + ((value - this.range[0]) / (this.range[1] - this.range[0])) * (width - MARGIN.left - MARGIN.right),
      y: (value) => height - MARGIN.bottom - ((value - this.range[0]) / (this.range[1] - this.range[0])) * (height - MARGIN.top - MARGIN.bottom),
    };
    this.x = new Float32Array(truth.length).fill(NaN);
    this.y = new Float32Array(truth.length).fill(NaN);
    for (const clip of clips) {
      if (truth[clip] === null || predicted[clip] === null) continue;
      const sideways = spread * (((clip * 0.6180339887) % 1) - 0.5);
      this.x[clip] = this.scale.x(truth[clip] + sideways);
      this.y[clip] = this.scale.y(predicted[clip]);
    }
    const placed = clips.filter((clip) => !Number.isNaN(this.x[clip]));
    this.order = [...placed].sort((a, b) => this.x[a] - this.x[b] || b - a);
    this.upward = [...placed].sort((a, b) => this.y[b] - this.y[a] || b - a);
    const name = shortened(source.targets[this.target]);
    this.canvas.setAttribute('aria-label', `${name}: label against prediction, ${placed.length} clips. Arrow keys go from clip to clip, Enter plays.`);
  }

  size() {
    const width = this.canvas.clientWidth || 280;
    return { width, height: this.canvas.clientHeight || width };
  }

  draw() {
    this.layout();
    const { width, height } = this.size();
    const ratio = Math.max(1, window.devicePixelRatio || 1);
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    const pen = this.canvas.getContext('2d');
    pen.scale(ratio, ratio);
    this.axes(pen, width, height);
    const many = this.order.length > 1500;
    const radius = many ? 1.8 : 3;
    pen.fillStyle = colour('point');
    pen.globalAlpha = many ? 0.45 : 0.6;
    for (const clip of this.order) {
      pen.beginPath();
      pen.arc(this.x[clip], this.y[clip], radius, 0, 2 * Math.PI);
      pen.fill();
    }
    this.rings();
  }

  axes(pen, width, height) {
    const [low, high] = this.range;
    const step = [1, 2, 5].flatMap((n) => [-6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6].map((e) => n * 10 ** e))
      .sort((a, b) => a - b).find((each) => (high - low) / each <= 5) ?? high - low;
    const digits = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
    pen.font = '11px system-ui, sans-serif';
    pen.lineWidth = 1;
    for (let value = Math.ceil(low / step) * step; value <= high; value += step) {
      pen.strokeStyle = colour('line');
      pen.beginPath();
      pen.moveTo(this.scale.x(value), MARGIN.top);
      pen.lineTo(this.scale.x(value), height - MARGIN.bottom);
      pen.moveTo(MARGIN.left, this.scale.y(value));
      pen.lineTo(width - MARGIN.right, this.scale.y(value));
      pen.stroke();
      pen.fillStyle = colour('quiet');
      pen.textAlign = 'center';
      const text = minus((Math.abs(value) < step / 2 ? 0 : value).toFixed(Math.min(6, digits)));
      pen.fillText(text, this.scale.x(value), height - MARGIN.bottom + 14);
      pen.textAlign = 'right';
      pen.fillText(text, MARGIN.left - 5, this.scale.y(value) + 4);
    }
    pen.strokeStyle = colour('quiet');
    pen.setLineDash([4, 4]);
    pen.beginPath();
    pen.moveTo(this.scale.x(low), this.scale.y(low));
    pen.lineTo(this.scale.x(high), this.scale.y(high));
    pen.stroke();
    pen.setLineDash([]);
    pen.textAlign = 'center';
    pen.fillText('label', (MARGIN.left + width) / 2, height - 5);
    pen.save();
    pen.translate(11, height / 2);
    pen.rotate(-Math.PI / 2);
    pen.fillText('prediction', 0, 0);
    pen.restore();
  }

  nearest(x, y) {
    let best = null;
    let distance = REACH * REACH;
    for (const clip of this.order) {
      const far = (this.x[clip] - x) ** 2 + (this.y[clip] - y) ** 2;
      if (far < distance) [best, distance] = [clip, far];
    }
    return best;
  }

  rings() {
    for (const [ring, clip] of [[this.hoverRing, this.view.hovered], [this.pinRing, this.view.pinned]]) {
      const there = clip !== null && !Number.isNaN(this.x[clip]);
      ring.hidden = !there;
      if (!there) continue;
      const { width, height } = this.size(); // a share of it, since paper is of another size than the screen
      ring.style.left = `${(100 * this.x[clip]) / width}%`;
      ring.style.top = `${(100 * this.y[clip]) / height}%`;
    }
  }
}

function addPredictions(main, data, view) {
  const place = section(main, 'Predictions');
  const controls = element('div', { class: 'controls', role: 'group', 'aria-label': 'What is shown' });
  const panels = element('div', { class: 'panels' });
  const note = element('p', { class: 'caption' });
  let drawnPanels = [];
  const build = () => {
    drawnPanels = view.targets.map((target) => new Panel(view, target));
    panels.replaceChildren(...drawnPanels.map((panel) => panel.figure));
  };
  const draw = () => drawnPanels.forEach((panel) => panel.draw());
  view.onFilter(() => {
    const kept = drawnPanels.map((panel) => panel.target).join() === view.targets.join() && drawnPanels.source === view.source;
    if (!kept) build();
    drawnPanels.source = view.source;
    draw();
    addControls(controls, view);
    note.textContent = noteOf(view);
  });
  view.onPoint(() => drawnPanels.forEach((panel) => panel.rings()));
  redrawnWithColours(draw);
  let width = 0;
  new ResizeObserver(() => {
    if (panels.clientWidth === width) return;
    width = panels.clientWidth;
    draw();
  }).observe(panels);
  const left = element('div', {}, panels); // what is told of a clip stays in sight beside it
  place.append(controls, note, element('div', { class: 'predictions' }, left, makeDetail(view)));
  return left;
}

function noteOf(view) {
  const { source, data } = view;
  const said = [`${view.clips.length} of ${source.ids.length} clips; the dashed line is a perfect prediction.`];
  if (source.truth.some((column) => new Set(column).size <= FEW_LABELS)) said.push('Clips of equal labels are spread sideways.');
  if (data.rows.some((row) => row.predictions === null)) said.push('Rows that would make the page too large are left out here.');
  if (source.all_targets > source.targets.length) said.push(`The first ${source.targets.length} of ${source.all_targets} targets.`);
  return said.join(' ');
}

function addControls(place, view) {
  if (place.built === view.source) return;
  place.built = view.source;
  const { source, data } = view;
  const made = [];
  if (view.shownRows.length > 1) {
    const rows = view.shownRows.map((at) => data.rows[at].name);
    made.push(choice('Predictions of', rows, view.shownRows.indexOf(view.row), (at) => view.setRow(view.shownRows[at])));
  }
  if (view.parts.length > 1) {
    made.push(choice('Split', ['all', ...view.parts], view.part === null ? 0 : view.parts.indexOf(view.part) + 1, (at) => {
      view.part = at ? view.parts[at - 1] : null;
      view.refilter();
    }));
  }
  if (source.targets.length > 1) {
    const every = source.targets.length > MOST_PANELS ? `the first ${MOST_PANELS}` : 'all';
    made.push(choice('Target', [every, ...source.targets], view.target === null ? 0 : view.target + 1, (at) => {
      view.target = at ? at - 1 : null;
      view.refilter();
    }));
  }
  const find = element('input', { type: 'search', placeholder: 'id, speaker or group', oninput: (event) => {
    view.text = event.target.value;
    view.refilter();
  } });
  find.value = view.text;
  place.replaceChildren(...made, element('label', {}, 'Find', find));
}
