// Learning curves: a small picture for each row or fold, a line for each fit, a dot where its epoch was kept.
const BOX = { width: 320, height: 170, left: 46, right: 8, top: 8, bottom: 24 };

function addCurves(main, source, level) {
  if (!source.curves.length) return;
  const place = section(main, 'Learning curves', level);
  const own = source.curves.some((curve) => curve.own) ? ' Fits that chose their epoch on clips of their own do not compare in height.' : '';
  place.append(element('p', { class: 'caption', text: `${source.curves_show}; dot: epoch kept.${own}` }));
  const values = source.curves.flatMap((curve) => curve.runs.flatMap((run) => run.values)).filter((value) => value !== null);
  if (!values.length) {
    place.append(element('p', { class: 'quiet', text: 'Nothing was recorded.' }));
    return;
  }
  const several = new Set(source.curves.map((curve) => curve.loss)).size > 1; // losses do not compare in height
  const rangeOfLoss = (loss) => source.curves.filter((curve) => curve.loss === loss)
    .flatMap((curve) => curve.runs.flatMap((run) => run.values)).filter((value) => value !== null)
    .reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
  const panels = element('div', { class: 'panels' });
  for (const curve of source.curves) {
    const title = several ? `${curve.title} (${curve.loss})` : curve.title;
    panels.append(curveFigure({ ...curve, title }, rangeOfLoss(curve.loss)));
  }
  place.append(panels);
  if (source.curves_left_out) place.append(element('p', { class: 'quiet', text: `${source.curves_left_out} more are not drawn.` }));
}

function curveFigure(curve, [low, high]) {
  const epochs = Math.max(2, ...curve.runs.map((run) => run.values.length));
  const x = (epoch) => BOX.left + ((epoch - 1) / (epochs - 1)) * (BOX.width - BOX.left - BOX.right);
  const y = (value) => BOX.height - BOX.bottom - ((value - low) / (high - low || 1)) * (BOX.height - BOX.top - BOX.bottom);
  const kept = curve.runs.map((run) => run.epoch).join(', ');
  const picture = drawn('svg', { viewBox: `0 0 ${BOX.width} ${BOX.height}`, role: 'img', 'aria-label': `${shortened(curve.title)}: epoch kept ${kept}` });
  for (const value of [low, (low + high) / 2, high]) {
    picture.append(drawn('line', { x1: BOX.left, x2: BOX.width - BOX.right, y1: y(value), y2: y(value) }));
    picture.append(drawn('text', { x: BOX.left - 5, y: y(value) + 4, 'text-anchor': 'end' }, minus(value.toPrecision(3))));
  }
  for (const epoch of [1, epochs]) {
    picture.append(drawn('text', { x: x(epoch), y: BOX.height - 6, 'text-anchor': epoch === 1 ? 'start' : 'end' }, epoch === 1 ? 'epoch 1' : String(epoch)));
  }
  for (const run of curve.runs) {
    const steps = run.values.map((value, at) => (value === null ? '' : `${at && run.values[at - 1] !== null ? 'L' : 'M'}${x(at + 1).toFixed(1)} ${y(value).toFixed(1)}`));
    picture.append(drawn('path', { d: steps.join('') }));
    const value = run.values[run.epoch - 1];
    if (value !== null && value !== undefined) picture.append(drawn('circle', { cx: x(run.epoch), cy: y(value), r: 3.5 }));
  }
  if (curve.runs.every((run) => run.values.every((value) => value === null))) {
    picture.append(drawn('text', { x: BOX.width / 2, y: BOX.height / 2, 'text-anchor': 'middle' }, 'undefined in every epoch'));
  }
  return element('figure', { class: 'panel curve' }, element('figcaption', {}, named(curve.title)), picture);
}
