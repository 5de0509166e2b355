// What the widgets share. A widget's own script follows in the same module, in a notebook as in a page.

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

// A row of choices of which one holds; the arrow keys walk along it.
function chips(legend, name, values, labels, onChoose) {
  const group = `${name} ${Math.random()}`; // a notebook may show several maps, or one map twice
  const inputs = values.map((value) => control("input", { type: "radio", name: group, value }));
  inputs.forEach((input, index) => (input.onchange = () => onChoose(values[index])));
  const element = make("fieldset", { class: "salon-chips" }, make("legend", {}, legend),
    ...inputs.map((input, index) => make("label", { class: "salon-chip" }, input, make("span", {}, labels[index]))));
  return { element, choose: (value) => (inputs[values.indexOf(value)].checked = true) };
}

// A labelled slider of a trait, with its value beside it; `shown` says the value in words.
function slider(model, name, label, { min, max, step, shown = String, value = () => model.get(name), set = (number) => change(model, { [name]: number }) }) {
  const input = control("input", { type: "range", name, min, max, step, "aria-label": label }), output = make("output");
  input.oninput = () => set(+input.value);
  const follow = () => {
    input.value = value();
    output.textContent = shown(value());
    input.setAttribute("aria-valuetext", output.textContent);
  };
  return { input, follow, element: make("label", { class: "salon-row" }, make("span", {}, label), output, input) };
}

// Draw at the width that there is, one unit a pixel, and again where it changes; returns the end of it.
function fitted(svg, height, draw) {
  const drawn = () => {
    const width = svg.clientWidth || 480;
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.style.height = `${height}px`;
    draw(width);
  };
  const observer = new ResizeObserver(drawn);
  observer.observe(svg);
  drawn();
  return { drawn, end: () => observer.disconnect() };
}

// Hand on where a pointer drags over an element, in its pixels; `onStart` may refuse by returning false.
function drag(element, onMove, onStart = () => true) {
  const at = (event) => {
    const box = element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  element.addEventListener("pointerdown", (event) => {
    if (onStart(at(event)) === false) return;
    element.setPointerCapture(event.pointerId);
    onMove(at(event));
    event.preventDefault();
  });
  element.addEventListener("pointermove", (event) => element.hasPointerCapture(event.pointerId) && onMove(at(event)));
}
