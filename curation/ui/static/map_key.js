// The legend: above the map how many points, three sizes with the values they stand for, what a ring and a shape mean;
// below it the colours. A click on a class puts it in focus, with Shift several; among many classes any is found by its name.

const NAMED = 20; // classes with a colour of their own
const SHAPES = ["circle", "triangle", "square", "diamond"]; // by their number, as in the shader

class Key {
  constructor(map) {
    this.map = map;
    this.facts = make("div", "facts");
    this.classes = make("div", "classes");
    this.classes.setAttribute("role", "group");
    this.search = make("input", "search");
    this.search.type = "search";
    this.search.addEventListener("input", () => this.fillClasses());
    this.search.addEventListener("keydown", (event) => event.stopPropagation());
    this.count = make("span", "count");
    this.count.setAttribute("role", "status");
    this.sizes = make("span", "sizes");
    this.ring = make("span", "entry");
  }

  fill() {
    const { map } = this;
    const { data, panels } = map;
    const total = map.shown.reduce((sum, bit) => sum + bit, 0);
    const items = `${total.toLocaleString("en")} item${total === 1 ? "" : "s"}`;
    this.count.textContent = map.count ? `${map.count.toLocaleString("en")} of ${items} selected` : items;
    this.facts.replaceChildren(this.count, this.sizes, this.ring, ...this.shapes(), ...this.leftOut());
    this.ring.hidden = !map.ringed.length;
    this.classes.setAttribute("aria-label", panels[0].words);
    this.counts = new Uint32Array(FULL + 1);
    for (let row = 0; row < data.n; row += 1) if (map.shown[row]) this.counts[panels[0].codes[row]] += 1;
    this.fillClasses();
  }

  /** What depends on the view: three discs as large as they are drawn now, and how many rings are in sight. */
  measure() {
    const { map } = this;
    this.sizes.hidden = map.hard.flat;
    this.sizes.replaceChildren(make("span", "name", `${map.data.valuesName}:`));
    for (const { across, words } of sizes(map)) {
      const disc = make("i", "disc");
      disc.style.width = disc.style.height = `${across.toFixed(1)}px`;
      this.sizes.append(entry(disc, words));
    }
    if (map.hard.unknown) this.sizes.append(`${map.hard.unknown.toLocaleString("en")} unknown: smallest`);
    this.sizes.title = "The harder an item, the larger its point: the area grows with the rank of this score";
    const [all, drawn] = [map.stage.inSight, map.stage.rings.length];
    const { name } = map.data.ring;
    const words = all === drawn ? `${all.toLocaleString("en")} ${name}` : `${drawn} of ${all.toLocaleString("en")} ${name} in view`;
    this.ring.replaceChildren(make("i", "ring"), words);
    this.ring.title = all === drawn ? "" : "The most suspicious have a ring; zoom in to see the others";
    this.ring.querySelector("i").style.borderColor = map.data.ring.colour;
  }

  shapes() {
    return this.map.data.shapes.map(({ number, name }) => entry(make("i", `shape ${SHAPES[number]}`), name));
  }

  leftOut() {
    return this.map.panels.some((panel) => panel.leftOut) ? [entry(make("i", "disc left-out"), this.map.data.leftOutName)] : [];
  }

  fillClasses() {
    const [panel] = this.map.panels;
    if (panel.stops) {
      const bar = make("i", "bar");
      bar.style.background = `linear-gradient(to right, ${panel.stops.join(", ")})`;
      this.classes.replaceChildren(make("span", "entry name", panel.words), amount(panel.low), bar, amount(panel.high));
      return;
    }
    const codes = panel.names.map((_, code) => code);
    const many = codes.length > NAMED;
    this.classes.classList.toggle("many", many);
    const sought = this.search.value.trim().toLowerCase();
    let listed = many ? codes.filter((code) => panel.colours[code] !== panel.grey || this.map.highlight.has(code)) : codes;
    if (many && sought) listed = codes.filter((code) => panel.names[code].toLowerCase().includes(sought)).slice(0, NAMED);
    const rest = many && !sought ? codes.length - listed.length : 0;
    const buttons = listed.filter((code) => this.counts[code] || this.map.highlight.has(code)).map((code) => this.button(code));
    if (rest) buttons.push(entry(swatch(panel.grey), `${rest.toLocaleString("en")} other classes`));
    if (this.counts[FULL] && panel.none) buttons.push(entry(swatch(panel.grey), panel.none));
    this.search.placeholder = `Find one of ${codes.length.toLocaleString("en")}`;
    this.search.setAttribute("aria-label", this.search.placeholder);
    const keep = this.search.getRootNode().activeElement === this.search;
    this.classes.replaceChildren(...(many ? [this.search] : []), ...buttons);
    if (keep) this.search.focus();
  }

  button(code) {
    const { map } = this;
    const [panel] = map.panels;
    const button = make("button", "entry");
    button.type = "button";
    button.append(swatch(panel.colours[code]), panel.names[code]);
    button.title = `${panel.names[code]}: ${this.counts[code].toLocaleString("en")}. Click to see it alone, Shift for several`;
    button.setAttribute("aria-pressed", String(map.highlight.has(code)));
    button.addEventListener("click", (event) => map.focus(code, event.shiftKey));
    return button;
  }
}

/** The easiest, the middle and the hardest item: how large they are drawn, and their values in words. */
function sizes({ hard, values, order, view }) {
  if (hard.flat) return [];
  return [0, 0.5, 1].map((share) => {
    const row = order[hard.unknown + Math.round(share * (order.length - 1 - hard.unknown))];
    return { across: Math.max(2, diameter(view.base, hard.levels[row], false)), words: amount(values[row]) };
  });
}

function entry(sign, words) {
  const made = make("span", "entry");
  made.append(sign, words);
  return made;
}

function swatch(colour) {
  const made = make("i", "swatch");
  made.style.background = colour;
  return made;
}

/** A number with three significant digits. */
function amount(value) {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  return size >= 1e5 || size < 1e-3 ? value.toExponential(1) : String(Number(value.toPrecision(3)));
}
