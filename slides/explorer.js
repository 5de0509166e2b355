// The explorer gives the keyboard back to the deck: after the mouse, and with a key that turns pages.
function toDeck(key) {
  frameElement.blur();
  parent.focus();
  if (key) parent.document.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
}
if (parent !== window) {
  addEventListener("pointerup", () => setTimeout(toDeck));
  addEventListener("keydown", (event) => {
    if (event.key !== "PageUp" && event.key !== "PageDown") return;
    event.preventDefault();
    toDeck(event.key);
  });
}
