// Tables that sort by a click, or by the keyboard, on a header: numbers first, by size, then text.
const NUMBER = /^[<+]?(-?\d[\d,]*\.?\d*(?:e-?\d+)?)/;

function sortKey(cell) {
  const text = (cell.dataset.key ?? cell.textContent).trim().replaceAll('−', '-');
  const found = NUMBER.exec(text);
  if (found === null) return null;
  const value = Number(found[1].replaceAll(',', ''));
  return text.startsWith('<') ? value - 1e-12 : value;
}

function sortBy(table, column, header) {
  const ascending = header.getAttribute('aria-sort') === 'descending' || !header.hasAttribute('aria-sort');
  const direction = ascending ? 1 : -1;
  for (const other of table.tHead.rows[0].cells) other.removeAttribute('aria-sort');
  header.setAttribute('aria-sort', ascending ? 'ascending' : 'descending');
  const body = table.tBodies[0];
  const keyed = [...body.rows].map((row) => [sortKey(row.cells[column]), row.cells[column].textContent, row]);
  const numbers = keyed.some(([key]) => key !== null) && column > 0;
  keyed.sort(([key, text, ], [other, otherText, ]) => {
    if (!numbers) return direction * text.localeCompare(otherText, 'en', { numeric: true });
    if (key === null || other === null) return (key === null) - (other === null); // undefined stays below
    return direction * (key - other);
  });
  body.append(...keyed.map(([, , row]) => row));
  say(`sorted by ${header.textContent || 'name'}, ${ascending ? 'ascending' : 'descending'}`);
}

// header: texts; rows: arrays of texts or elements; numeric: whether all columns but the first stand to the right.
function makeTable(header, rows, { label, numeric = false, sortable = true, cellLength = NAME_LENGTH } = {}) {
  const head = element('tr');
  const table = element('table', {}, element('thead', {}, head), element('tbody'));
  sortable = sortable && rows.length > 1 && header.some((text) => text); // names and values stay in their order
  if (header.every((text) => !text)) table.tHead.hidden = true;
  header.forEach((text, column) => {
    const cell = element('th', { scope: 'col', class: numeric && column ? 'number' : '' });
    if (sortable) {
      const button = element('button', { type: 'button', onclick: () => sortBy(table, column, cell) }, named(text || 'name'));
      if (!text) button.setAttribute('aria-label', 'sort by name');
      cell.append(button);
    } else cell.append(named(text));
    head.append(cell);
  });
  for (const row of rows) table.tBodies[0].append(makeRow(row, numeric, cellLength));
  if (label) table.setAttribute('aria-label', label);
  return element('div', { class: 'scroll', tabindex: '0', role: 'group', 'aria-label': label || 'table' }, table);
}

function makeRow(cells, numeric, cellLength) {
  const made = element('tr');
  cells.forEach((cell, column) => {
    const first = column === 0;
    const td = element(first ? 'th' : 'td', { class: numeric && !first ? 'number' : '' });
    if (first) td.scope = 'row';
    td.append(typeof cell === 'string' ? named(cell, cellLength) : cell);
    made.append(td);
  });
  return made;
}

// Sections in words, as the Markdown page has them.
function addBlocks(parent, blocks, level) {
  let place = parent;
  for (const block of blocks) {
    if (block.kind === 'heading') place = section(parent, block.text, level);
    else if (block.kind === 'text') place.append(element('p', {}, prose(block.text)));
    else if (block.kind === 'code') place.append(element('pre', { tabindex: '0', 'aria-label': 'commands', text: block.text }));
    else {
      const few = block.rows.every((row) => row.slice(1).every((cell) => cell.length < 40));
      const heading = place.querySelector('h2, h3');
      place.append(makeTable(block.header, block.rows, { label: heading ? heading.textContent : 'table', numeric: few, cellLength: PROSE_LENGTH }));
    }
  }
}
