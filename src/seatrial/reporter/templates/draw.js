"use strict";
// Draws the page's charts from the specifications in it. Colours are CSS variables, so the page's
// style sheet decides them for light, dark and print; nothing is ever loaded.
(() => {
  const specs = JSON.parse(document.getElementById("specs").textContent);
  const loader = { load: () => Promise.reject(new Error("nothing is loaded")) };
  const options = {
    actions: false,
    renderer: "svg",
    ast: true,
    loader,
    tooltip: { theme: "custom", offsetY: 14 },
  };
  const SIDE = 62; // What the axis of a stacked view takes beside it.

  // Labels are measured in the font that the page is read in.
  const font = getComputedStyle(document.body).fontFamily;

  function fitted(spec, room) {
    const made = structuredClone(spec);
    made.config.font = font;
    if (made.vconcat) made.vconcat.forEach((view) => { view.width = Math.max(room - SIDE, 120); });
    else made.width = room;
    if (room < 520) narrowed(made);
    return made;
  }

  // On a phone names get less room than figures.
  function narrowed(value) {
    if (Array.isArray(value)) value.forEach(narrowed);
    else if (value && typeof value === "object") {
      if (value.labelLimit > 110) value.labelLimit = 110;
      if (value.tickCount > 4) value.tickCount = 4;
      if (value.columns > 2) value.columns = 2;
      if (value.labelAngle) value.labelAngle = -90;
      for (const [key, inner] of Object.entries(value)) if (key !== "values") narrowed(inner);
    }
  }

  function draw(place) {
    const room = Math.floor(place.clientWidth);
    if (!room || place.dataset.drawn === String(room)) return Promise.resolve();
    place.dataset.drawn = String(room);
    return window.vegaEmbed(place, fitted(specs[place.dataset.chart], room), options)
      .catch((error) => { place.textContent = `This chart cannot be drawn: ${error.message}`; });
  }

  const places = [...document.querySelectorAll("[data-chart]")];
  const printing = window.matchMedia("print");
  let waiting = 0;
  window.addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { if (!printing.matches) places.forEach(draw); }, 150);
  });
  places.reduce((before, place) => before.then(() => draw(place)), Promise.resolve())
    .then(() => { document.documentElement.dataset.charts = "drawn"; });
})();
