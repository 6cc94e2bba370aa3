// The clips on which a row errs most, largest error in standard deviations of a target first.
const PAGE_ROWS = 25;

function worstOf(view) {
  const targets = view.target === null ? view.source.targets.map((name, at) => at) : [view.target];
  const found = [];
  for (const clip of view.clips) {
    let worst = null;
    for (const target of targets) {
      const error = view.error(clip, target);
      if (error !== null && (worst === null || Math.abs(error) > Math.abs(worst.error))) worst = { clip, target, error };
    }
    if (worst !== null) found.push(worst);
  }
  return found.sort((a, b) => Math.abs(b.error) - Math.abs(a.error));
}

function addWorst(place, view) {
  let most = PAGE_ROWS;
  const holder = element('div', { class: 'worst' });
  const more = element('button', { type: 'button', class: 'plain', text: `${PAGE_ROWS} more`, onclick: () => { most += PAGE_ROWS; draw(); } });
  const mark = () => {
    for (const tr of holder.querySelectorAll('tbody tr')) {
      if (Number(tr.dataset.clip) === view.pinned) tr.setAttribute('aria-current', 'true');
      else tr.removeAttribute('aria-current');
    }
  };
  const draw = () => {
    const all = worstOf(view);
    const header = ['clip', 'split', 'speaker', 'target', 'label', 'predicted', 'error, sd'];
    holder.replaceChildren(worstTable(view, header, all.slice(0, most)));
    if (!all.length) holder.replaceChildren(element('p', { class: 'quiet', text: 'No clip with a label is left by these filters.' }));
    more.hidden = all.length <= most;
    mark();
  };
  place.append(element('h3', { text: 'Worst errors' }));
  place.append(element('p', { class: 'caption', text: 'The largest error of each clip, in standard deviations of the labels of its target; the choices above apply.' }));
  place.append(holder, element('p', { class: 'unprinted' }, more));
  view.onFilter(() => { most = PAGE_ROWS; draw(); });
  view.onPoint(mark);
}

function worstTable(view, header, rows) {
  const { source } = view;
  const cells = rows.map(({ clip, target, error }) => [
    element('button', { type: 'button', class: 'link' }, named(source.ids[clip])),
    source.parts[clip], source.speakers[clip] ?? '–', source.targets[target],
    shown(source.truth[target][clip]), shown(view.predictions[target][clip]), shown(error, 2),
  ]);
  const made = makeTable(header, cells, { label: 'worst errors', sortable: false });
  [...made.querySelectorAll('tbody tr')].forEach((tr, at) => {
    const { clip } = rows[at];
    tr.dataset.clip = String(clip);
    for (const cell of [...tr.cells].slice(4)) cell.classList.add('number');
    tr.addEventListener('click', () => { view.pin(clip); view.playSound(); });
  });
  return made;
}
