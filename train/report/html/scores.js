// The table of scores: intervals drawn and written, differences from the row that the reader chooses.
const WIDTH = 176;
const HEIGHT = 22;

function intervalPicture(score, low, high) {
  const picture = drawn('svg', { class: 'interval', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, 'aria-hidden': 'true' });
  const at = (value) => 6 + ((value - low) / (high - low || 1)) * (WIDTH - 12);
  if (low < 0 && high > 0) picture.append(drawn('line', { class: 'zero', x1: at(0), x2: at(0), y1: 0, y2: HEIGHT }));
  if (score.estimate === null) return picture;
  if (score.low !== null) {
    const y = HEIGHT / 2;
    picture.append(drawn('line', { x1: at(score.low), x2: at(score.high), y1: y, y2: y }));
    for (const end of [score.low, score.high]) {
      picture.append(drawn('line', { x1: at(end), x2: at(end), y1: y - 4, y2: y + 4 }));
    }
  }
  picture.append(drawn('circle', { cx: at(score.estimate), cy: HEIGHT / 2, r: 4 }));
  return picture;
}

function rangeOf(rows) {
  const values = rows.flatMap((row) => [row.score.estimate, row.score.low, row.score.high]).filter((value) => value !== null);
  return values.length ? [Math.min(...values), Math.max(...values)] : [0, 1];
}

function addScores(main, data) {
  const place = section(main, 'Scores');
  const references = Object.keys(data.differences).map(Number);
  let reference = data.reference;
  const holder = element('div');
  const how = element('p', { class: 'caption' });
  const draw = () => {
    holder.replaceChildren(scoreTable(data, reference));
    const family = data.family ? ` for the ${data.family} differences they were picked from` : '';
    how.replaceChildren('Δ: row minus “', named(data.rows[reference].name), `”; p after Holm${family}, intervals uncorrected.`);
  };
  if (references.length) {
    const names = references.map((at) => data.rows[at].name);
    const control = choice('Differences from', names, references.indexOf(reference), (at) => {
      reference = references[at];
      draw();
      say(`differences from ${shortened(data.rows[reference].name)}`);
    });
    control.id = 'reference';
    place.append(element('div', { class: 'controls' }, control));
  }
  draw();
  place.append(holder);
  if (references.length) place.append(how);
  if (data.apart) place.append(element('p', { class: 'caption', text: data.apart }));
  for (const source of data.sources) {
    const words = element('p', { class: 'caption' });
    if (data.sources.length > 1) words.append(named(source.name), ': ');
    words.append(prose(source.caption));
    place.append(words);
  }
  if (data.sources.length > 1 && data.targets) addTargetScores(place, data);
}

function scoreTable(data, reference) {
  const less = data.differences[reference];
  const [low, high] = rangeOf(data.rows);
  const last = [['parameters', 'parameters'], ['seconds', 's / fit']].filter(([field]) => data.rows.some((row) => row[field]));
  const header = ['', `${data.sign} [95 %]`, 'interval', 'sd', ...(less ? ['Δ [95 %]', 'p'] : []), ...last.map(([, title]) => title)];
  const rows = data.rows.map((row, at) => {
    const picture = element('span', {}, intervalPicture(row.score, low, high));
    const cells = [row.name, row.score.text, picture, row.spread];
    if (less) cells.push(less[at].text, less[at].p);
    return [...cells, ...last.map(([field]) => row[field] || '–')];
  });
  const made = makeTable(header, rows, { label: 'Scores', numeric: true });
  [...made.querySelectorAll('tbody tr')].forEach((tr, at) => {
    tr.cells[2].dataset.key = String(data.rows[at].score.estimate ?? '');
    if (!less) return;
    if (at === reference) tr.className = 'reference';
    if (less[at].sure) for (const cell of [tr.cells[4], tr.cells[5]]) cell.classList.add('sure');
  });
  return made;
}

function addTargetScores(place, data) {
  const rows = data.rows.map((row) => [row.name, ...row.targets.map((score) => score.text)]);
  place.append(element('h3', { text: `${data.sign} per emotion` }));
  place.append(makeTable(['', ...data.targets], rows, { label: 'scores per emotion', numeric: true }));
}
