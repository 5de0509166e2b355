// A widget on a slide: it takes the deck's fonts, and gives the keyboard back to it after the mouse, and with a key that turns pages.
function toDeck(key) {
  frameElement.blur();
  parent.focus();
  if (key) parent.document.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
}
if (parent !== window) {
  const fonts = [...parent.document.styleSheets].flatMap((sheet) => [...sheet.cssRules]).filter((rule) => rule instanceof parent.CSSFontFaceRule);
  const style = document.createElement("style");
  style.textContent = fonts.map((rule) => rule.cssText).join("\n");
  document.head.append(style);
  addEventListener("load", () => document.querySelector("section:not(.salon-explorer, .salon-two) > .salon-guess button")?.click());
  addEventListener("pointerup", ({ isTrusted }) => isTrusted && setTimeout(toDeck));
  addEventListener("keydown", (event) => {
    if (event.key !== "PageUp" && event.key !== "PageDown") return;
    event.preventDefault();
    event.stopPropagation();
    toDeck(event.key);
  }, true);
}

// What the presenter does here happens in the audience's window too: each event is told there, and played again. A
// reader's own photograph is not told.
const TOLD = `salon-live-${document.title}`, { setPointerCapture, hasPointerCapture } = Element.prototype;
const wayTo = (node) => node === document.documentElement ? [] : [...wayTo(node.parentElement), [...node.parentElement.children].indexOf(node)];
let playing = false, held = null; // the element that a pointer drags
Element.prototype.setPointerCapture = function (id) { playing ? held = this : setPointerCapture.call(this, id); };
Element.prototype.hasPointerCapture = function (id) { return playing ? held === this : hasPointerCapture.call(this, id); };
function tell({ isTrusted, target, type, key, clientX, clientY, buttons }) {
  if (!isTrusted || !(target instanceof Element) || target.type === "file" || /^Page/.test(key)) return;
  const { value, checked } = target, at = performance.now(); // told twice, the same would not be heard
  localStorage.setItem(TOLD, JSON.stringify({ way: wayTo(target), type, value, checked, init: { key, clientX, clientY, buttons }, at }));
}
function play({ way, type, value, checked, init }) {
  const target = way.reduce((node, n) => node?.children[n], document.documentElement), kind = type.startsWith("pointer") ? PointerEvent : type === "keydown" ? KeyboardEvent : Event;
  if (!target || (type === "click" && target.closest("label"))) return; // a label's choice comes as a change
  playing = true;
  if (type === "input" || type === "change") Object.assign(target, target.type === "radio" ? { checked } : { value });
  target.dispatchEvent(new kind(type, { ...init, bubbles: true, cancelable: true }));
  playing = false;
  if (type === "pointerup") held = null;
}
for (const type of ["pointerdown", "pointermove", "pointerup", "input", "change", "click", "keydown", "focus"]) addEventListener(type, tell, true);
addEventListener("storage", ({ key, newValue }) => key === TOLD && newValue && play(JSON.parse(newValue)));
