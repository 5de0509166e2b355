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
  addEventListener("load", () => document.querySelector("section:not(.salon-explorer) > .salon-guess button")?.click());
  addEventListener("pointerup", () => setTimeout(toDeck));
  addEventListener("keydown", (event) => {
    if (event.key !== "PageUp" && event.key !== "PageDown") return;
    event.preventDefault();
    event.stopPropagation();
    toDeck(event.key);
  }, true);
}
