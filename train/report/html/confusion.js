// Classes: how many clips of each were taken for which. A cell, chosen, leaves only its clips in what is shown.
function classOf(columns, clip) {
  let best = null;
  columns.forEach((column, at) => {
    const value = column[clip];
    if (value !== null && (best === null || value > columns[best][clip])) best = at;
  });
  return best;
}

function countsOf(view) {
  const { source, predictions } = view;
  const counts = source.classes.map(() => source.classes.map(() => 0));
  for (const clip of view.everywhere) {
    const [label, taken] = [classOf(source.truth, clip), classOf(predictions, clip)];
    if (label !== null && taken !== null) counts[label][taken] += 1;
  }
  return counts;
}

function addConfusion(place, view) {
  const holder = element('div', { class: 'confusion', hidden: '' });
  place.append(holder);
  view.onFilter(() => {
    holder.hidden = view.source.classes === null;
    if (holder.hidden) return;
    const focused = holder.contains(document.activeElement) ? document.activeElement.dataset.cell : null;
    const all = element('button', { type: 'button', class: 'plain', text: 'All classes', onclick: () => view.setCell(null) });
    all.hidden = view.cell === null;
    holder.replaceChildren(
      element('h3', { text: 'Classes' }),
      element('p', { class: 'caption', text: 'Rows: the label; columns: the class that is predicted highest; shade: the share of the row. A cell shows its clips alone.' }),
      confusionTable(view, countsOf(view)),
      element('p', { class: 'unprinted' }, all),
    );
    if (focused) holder.querySelector(`[data-cell="${focused}"]`)?.focus();
  });
}

function confusionTable(view, counts) {
  const { classes } = view.source;
  const rows = counts.map((row, label) => {
    const clips = row.reduce((a, b) => a + b, 0);
    const cells = row.map((count, taken) => {
      const cell = element('button', { type: 'button', class: 'count', 'data-cell': `${label},${taken}`, text: String(count) });
      const chosen = view.cell !== null && view.cell[0] === label && view.cell[1] === taken;
      cell.setAttribute('aria-pressed', String(chosen));
      cell.setAttribute('aria-label', `${count} of ${shortened(classes[label])} taken for ${shortened(classes[taken])}`);
      cell.addEventListener('click', () => view.setCell(chosen ? null : [label, taken]));
      cell.style.setProperty('--share', String(clips ? count / clips : 0));
      return cell;
    });
    return [classes[label], ...cells, clips ? (row[label] / clips).toFixed(3) : '–'];
  });
  return makeTable(['', ...classes, 'recall'], rows, { label: 'classes', numeric: true, sortable: false });
}
