// What is looked at: the row whose predictions are shown, the filters, the clip under the pointer, the one pinned.
class View {
  constructor(data) {
    this.data = data;
    this.shownRows = data.rows.map((row, at) => at).filter((at) => data.rows[at].predictions !== null);
    this.row = this.shownRows.includes(data.reference) ? data.reference : this.shownRows[0];
    this.part = null;
    this.target = null;
    this.text = '';
    this.cell = null; // of classes: the label's, and the one that is predicted highest
    this.hovered = null;
    this.pinned = null;
    this.filtered = [];
    this.pointed = [];
  }

  get source() { return this.data.sources[this.data.rows[this.row].source]; }
  get predictions() { return this.data.rows[this.row].predictions; }
  get parts() { return [...new Set(this.source.parts)]; }

  get targets() {
    if (this.target !== null) return [this.target];
    return this.source.targets.map((name, at) => at).slice(0, MOST_PANELS);
  }

  onFilter(call) { this.filtered.push(call); }
  onPoint(call) { this.pointed.push(call); }

  setRow(row) {
    const before = this.source;
    this.row = row;
    if (this.source !== before) {
      this.part = this.target = this.cell = this.pinned = this.hovered = null;
      if (this.source.targets.length > MOST_PANELS) this.target = 0;
    }
    this.refilter();
    this.repoint();
  }

  setCell(cell) {
    this.cell = cell;
    this.refilter();
    say(`${this.clips.length} clips`);
  }

  refilter() {
    const { source } = this;
    const wanted = this.text.trim().toLowerCase();
    this.everywhere = source.ids.map((id, at) => at).filter((at) => {
      if (this.part !== null && source.parts[at] !== this.part) return false;
      if (!wanted) return true;
      return [source.ids[at], source.speakers[at], source.groups[at]].some((text) => text && text.toLowerCase().includes(wanted));
    });
    this.clips = this.cell === null ? this.everywhere : this.everywhere.filter((clip) => {
      return classOf(source.truth, clip) === this.cell[0] && classOf(this.predictions, clip) === this.cell[1];
    });
    for (const call of this.filtered) call();
  }

  repoint() { for (const call of this.pointed) call(); }

  hover(clip) {
    if (clip === this.hovered) return;
    this.hovered = clip;
    this.repoint();
  }

  pin(clip) {
    this.pinned = clip;
    this.hovered = null;
    this.repoint();
  }

  // The error of a clip in standard deviations of the target's labels; null where one of them is unknown.
  error(clip, target) {
    const truth = this.source.truth[target][clip];
    const prediction = this.predictions[target][clip];
    const deviation = this.source.deviations[target];
    return truth === null || prediction === null || deviation === null ? null : (prediction - truth) / deviation;
  }
}

// A link that the report made: a relative path, percent-encoded, or a sound that lies in the page. Nothing else.
function isSound(address) {
  return typeof address === 'string' && (/^(?!\/)[\w.~%/-]+$/.test(address) || /^data:(audio|video)\/[\w-]+;base64,[\w+/=]*$/.test(address));
}

function clipFacts(source, clip) {
  const facts = [['split', source.parts[clip]]];
  if (source.speakers[clip] !== null) facts.push(['speaker', source.speakers[clip]]);
  if (source.groups[clip]) facts.push(['group', source.groups[clip]]);
  const seconds = source.seconds[clip];
  facts.push(['length', seconds === null ? 'unknown' : `${seconds.toFixed(2)} s`]);
  return element('dl', {}, ...facts.flatMap(([name, text]) => {
    return [element('dt', { text: name }), element('dd', {}, named(text))];
  }));
}

function makeDetail(view) {
  const facts = element('div');
  const sound = element('div', { class: 'sound' });
  const panel = element('aside', { class: 'detail empty', 'aria-label': 'The clip that is pointed at', tabindex: '-1' }, facts, sound);
  const hint = element('p', { class: 'quiet', text: 'Point at a clip to see what it is; click it, or press Enter, to keep and play it.' });
  facts.append(hint);
  view.onPoint(() => {
    const clip = view.hovered ?? view.pinned;
    panel.classList.toggle('empty', clip === null);
    if (clip === null) {
      facts.replaceChildren(hint);
      return;
    }
    const { source } = view;
    const rows = view.source.targets.slice(0, 200).map((name, target) => [
      name, shown(source.truth[target][clip]), shown(view.predictions[target][clip]), shown(view.error(clip, target), 1),
    ]);
    facts.replaceChildren(
      element('h3', {}, named(source.ids[clip])),
      clipFacts(source, clip),
      makeTable(['', 'label', 'predicted', 'error, sd'], rows, { label: 'labels and predictions', numeric: true, sortable: false }),
    );
  });
  view.playSound = () => playSound(view, sound);
  return panel;
}

function playSound(view, place) {
  const { source, pinned } = view;
  const address = source.sounds[pinned];
  if (!isSound(address)) {
    const none = source.sounds.some((each) => each !== null) ? 'No sound of this clip was found.' : 'No sound: the report was made without --media.';
    place.replaceChildren(element('p', { class: 'quiet', text: none }));
    return;
  }
  const failed = element('p', { class: 'quiet', role: 'alert' });
  const audio = element('audio', { controls: '', preload: 'auto', 'aria-label': `sound of ${shortened(source.ids[pinned])}` });
  const tell = () => { failed.textContent = 'The browser cannot play this file, or it is not where it was.'; };
  audio.addEventListener('error', tell);
  audio.src = address;
  place.replaceChildren(element('p', { class: 'quiet' }, 'sound of ', named(source.ids[pinned])), audio, failed);
  audio.play().catch((error) => { if (error.name !== 'AbortError' && error.name !== 'NotAllowedError') tell(); });
}
