// The page from its data, section by section.
function addSource(main, source, data) {
  const several = data.sources.length > 1;
  const place = several ? section(main, `${shortened(source.name)}: ${source.kind}`) : main;
  const level = several ? 3 : 2;
  if (several) place.append(element('p', { class: 'quiet' }, named(source.path)));
  return { place, level };
}

function addGroups(place, source, level) {
  const table = source.groups_table;
  if (table === null) return;
  const made = section(place, 'Groups', level);
  made.append(makeTable(table.header, table.rows, { label: 'scores within groups', numeric: true }));
  made.append(element('p', { class: 'caption', text: `${table.note}.` }));
}

function drawPage() {
  const data = JSON.parse(document.getElementById('data').textContent);
  const main = document.getElementById('main');
  document.title = shortened(data.title);
  document.getElementById('title').replaceChildren(named(data.title));
  document.getElementById('kind').replaceChildren(named(data.kind));
  document.getElementById('contents').append(element('ul'));
  const view = new View(data);
  if (view.source.targets.length > MOST_PANELS) view.target = 0;
  const several = data.sources.length > 1;
  addScores(main, data);
  if (!several) addBlocks(main, data.sources[0].tables, 2);
  const predictions = addPredictions(main, data, view);
  addConfusion(predictions, view);
  addWorst(predictions, view);
  view.refilter();
  for (const source of data.sources) {
    const { place, level } = addSource(main, source, data);
    if (several) addBlocks(place, source.tables, level);
    addGroups(place, source, level);
    addCurves(place, source, level);
    addBlocks(place, source.sections, level);
  }
  document.documentElement.dataset.drawn = String(Math.round(performance.now()));
}

drawPage();
