// What both widgets share. A widget's own script follows in the same module, in a notebook as in a page.

// An element with attributes and children; "svg:rect" makes a drawn one. A null attribute is left out.
function make(tag, attributes = {}, ...children) {
  const [name, svg] = tag.split(":").reverse();
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value != null) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

// A control for which JupyterLab leaves the keys alone; the attribute must stand on the element that has the focus.
const control = (tag, attributes, ...children) =>
  make(tag, { "data-lm-suppress-shortcuts": "true", ...attributes }, ...children);

const text = (words, attributes) => make("svg:text", attributes, words);

const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, key) => values[key]);

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

function percent(ratio) {
  const points = Math.round(100 * ratio);
  return `${points > 0 ? "+" : points < 0 ? "−" : "±"}${Math.abs(points)} %`;
}

// A question with one button for each name; the guess stays here and is stored nowhere.
function question(words, names, onGuess) {
  const said = make("p", { class: "salon-said", role: "status" });
  let guess = null;
  const buttons = names.map((name) => {
    const button = control("button", { type: "button", value: name, "aria-pressed": "false" }, words[name]);
    button.onclick = () => {
      buttons.forEach((other) => other.setAttribute("aria-pressed", other === button));
      guess = name;
      onGuess(name);
    };
    return button;
  });
  const element = make("div", { class: "salon-guess", role: "group", "aria-label": words.question },
    make("p", {}, words.question), ...buttons, said);
  const say = (text) => { if (said.textContent !== text) said.textContent = text; };
  const judge = (best) =>
    guess === null ? "" : guess === best ? words.right : fill(words.wrong, { guess: words[guess] });
  return { element, say, judge, close: () => buttons.forEach((button) => (button.disabled = true)) };
}

// The i-th of a sprite's square tiles, drawn at x and y.
function drawTile(context, sprite, tile, i, x, y, size) {
  const columns = sprite.naturalWidth / tile;
  context.drawImage(sprite, (i % columns) * tile, Math.floor(i / columns) * tile, tile, tile, x, y, size, size);
}

// Set traits, and tell the kernel, where there is one.
function change(model, values) {
  for (const [name, value] of Object.entries(values)) model.set(name, value);
  model.save_changes();
}

function resetButton(label, onReset) {
  const button = control("button", { type: "button", class: "salon-reset" }, label);
  button.onclick = onReset;
  return button;
}

// What a mark in a picture means; the style sheet draws the marks by their names.
const foot = (words, ...names) =>
  make("div", { class: "salon-foot" }, ...names.map((name) => make("span", { class: `salon-key ${name}` }, words[name])));
