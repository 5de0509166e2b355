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

const status = (name = "salon-summary") => make("p", { class: name, role: "status" });

const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, key) => values[key]);

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

function percent(ratio) {
  const points = Math.round(100 * ratio);
  return `${points > 0 ? "+" : points < 0 ? "−" : "±"}${Math.abs(points)} %`;
}

function button(label, onclick, attributes = {}) {
  return Object.assign(control("button", { type: "button", ...attributes }, label), { onclick });
}

const resetButton = (words, onReset) => button(words.reset, onReset, { class: "salon-reset" });

// A question with one button for each name; the guess stays here and is stored nowhere.
function question(words, names, onGuess) {
  const said = status("salon-said");
  let guess = null;
  const buttons = names.map((name) => button(words[name], ({ currentTarget }) => {
    buttons.forEach((other) => other.setAttribute("aria-pressed", other === currentTarget));
    onGuess(guess = name);
  }, { value: name, "aria-pressed": "false" }));
  const element = make("div", { class: "salon-guess", role: "group", "aria-label": words.question },
    make("p", {}, words.question), ...buttons, said);
  // What came out, and whether the guess was `best`.
  const say = (text, best) => {
    const told = text + (guess === best ? words.right : fill(words.wrong, { guess: words[guess] }));
    if (guess !== null && said.textContent !== told) said.textContent = told; // read out once
  };
  return { element, say, asked: () => guess !== null, close: () => buttons.forEach((each) => (each.disabled = true)) };
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

// What a mark in a picture means; the style sheet draws the marks by their names.
const foot = (words, ...names) =>
  make("div", { class: "salon-foot" }, ...names.map((name) => make("span", { class: `salon-key ${name}` }, words[name])));

// A row of choices of which one holds, each with a label or a picture `shown`; the arrow keys walk along it.
function chips(legend, name, values, labels, onChoose, shown = labels) {
  const group = `${name} ${Math.random()}`; // a notebook may show several widgets, or one twice
  const element = make("fieldset", { class: "salon-chips" }, make("legend", {}, legend));
  const add = (value, label, shown) => {
    const input = control("input", { type: "radio", name: group, value, "aria-label": label });
    input.onchange = () => onChoose(value);
    element.append(make("label", { class: "salon-chip" }, input, make("span", {}, shown)));
  };
  values.forEach((value, i) => add(value, labels[i], shown[i]));
  return { element, add, choose: (value) => { element.querySelector(`[value="${value}"]`).checked = true; } };
}

// A labelled slider with its value beside it; `shown` says the value in words.
function slider(name, label, { min = 0, max, step, shown = String, value, set }) {
  const input = control("input", { type: "range", name, min, max, step, "aria-label": label }), output = make("output");
  input.oninput = () => set(+input.value);
  const follow = () => {
    input.value = value();
    output.textContent = shown(value());
    input.setAttribute("aria-valuetext", output.textContent);
  };
  return { input, follow, element: make("label", { class: "salon-row" }, make("span", {}, label), output, input) };
}

// Give a drawing its height and the width that there is, one unit a pixel; returns the width.
function sized(svg, height) {
  const width = svg.clientWidth || 480;
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.style.height = `${height}px`;
  return width;
}

// Call `update` now, and where one of the model's `traits` or the size of `element` changes; returns the end of it.
function following(model, traits, update, element) {
  const observer = new ResizeObserver(update);
  traits.forEach((name) => model.on(`change:${name}`, update));
  if (element) observer.observe(element);
  update();
  return () => observer.disconnect();
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
