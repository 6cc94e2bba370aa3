// Small helpers: elements made from text that is never markup, colours of the style, names cut to a readable length.
const NAME_LENGTH = 120;
const SHORT_NAME = 24; // stays in one line of a table
const PROSE_LENGTH = 4000; // a sentence may quote a name, too
const SVG = 'http://www.w3.org/2000/svg';

function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === 'class') made.className = value;
    else if (name === 'text') made.textContent = value;
    else if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

function drawn(tag, attributes = {}, text = '') {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text) made.textContent = text;
  return made;
}

// A name of somebody else, in its own direction of writing; a very long one is cut, its whole is in its title.
function shortened(text, most = NAME_LENGTH) {
  return text.length > most ? `${text.slice(0, most)}…` : text;
}

function named(text, most = NAME_LENGTH) {
  const made = element('bdi', { text: shortened(text, most), dir: 'auto' });
  if (text.length > most) made.title = text;
  if (text.length <= SHORT_NAME) made.className = 'short';
  else if (new RegExp(`\\S{${SHORT_NAME}}`).test(text)) made.className = 'unbroken'; // others break between words only
  return made;
}

function prose(text) {
  return named(text, PROSE_LENGTH);
}

function choice(label, options, chosen, changed) {
  const select = element('select', { onchange: (event) => changed(Number(event.target.value)) });
  options.forEach((text, at) => {
    const option = element('option', { value: String(at), text: shortened(text) });
    option.selected = at === chosen;
    select.append(option);
  });
  return element('label', {}, label, select);
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

// Call again whatever was drawn in colours of the style when these change: dark or light, screen or paper.
function redrawnWithColours(draw) {
  for (const query of ['(prefers-color-scheme: dark)', 'print']) {
    matchMedia(query).addEventListener('change', draw);
  }
}

function minus(text) {
  return text.replaceAll('-', '−');
}

function shown(value, digits = 3) {
  return value === null || value === undefined ? '–' : minus(value.toFixed(digits));
}

function say(text) {
  document.getElementById('status').textContent = text;
}

let sections = 0;
function section(parent, title, level = 2) {
  sections += 1;
  const id = `section-${sections}`;
  const made = element('section', { 'aria-labelledby': id }, element(`h${level}`, { id, text: title }));
  parent.append(made);
  if (level === 2) {
    const link = element('a', { href: `#${id}`, text: title });
    document.getElementById('contents').firstChild.append(element('li', {}, link));
  }
  return made;
}
