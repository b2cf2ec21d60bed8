// Where a map is drawn: the canvas, its size, the frames, and what stands in when there is no WebGL.

const RINGS = 200; // rings at once; zooming in shows the rest
const REST = 140; // milliseconds without a movement before everything is drawn again

class Stage {
  constructor(map) {
    this.map = map;
    this.element = make("div", "stage");
    this.canvas = make("canvas");
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "img");
    this.overlay = new Overlay(map);
    this.card = new Card(map);
    this.element.append(this.canvas, this.overlay.svg, this.overlay.message, this.card.element);
    this.rings = [];
    this.resized = new ResizeObserver(() => {
      const { clientWidth: width, clientHeight: height } = this.element;
      if (width !== this.width || height !== this.height) this.rest();
    });
    this.resized.observe(this.element);
    try {
      this.painter = new Painter(this.canvas);
    } catch (error) {
      this.painter = null; // `still` draws instead
    }
    this.canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    this.canvas.addEventListener("webglcontextrestored", () => {
      this.painter.begin();
      map.sent = false;
      map.upload();
    });
  }

  end() {
    this.resized.disconnect();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.resting);
    this.painter?.end();
  }

  /** Draw everything at the next frame, now that nothing moves. */
  rest() {
    if (!this.map.panels) return;
    clearTimeout(this.resting);
    this.resting = null;
    this.stale = true;
    this.ask();
  }

  /** Draw at the next frame; everything once the map rests. */
  move() {
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.rest(), REST);
    this.ask();
  }

  ask() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.draw();
    });
  }

  draw() {
    if (!this.element.clientWidth || !this.element.clientHeight) return;
    const { map, boxes, pixels } = this.lay();
    if (this.stale) {
      this.chooseRings();
      map.key.measure();
    }
    this.stale = false;
    const moving = this.resting !== null;
    if (this.painter) this.painter.draw(map.view, boxes, { pixels, moving, colours: this.colours() });
    else this.still();
    this.overlay.draw();
    map.remember();
    const detail = { n: map.data.n, arrived: map.arrived, whole: !moving };
    this.canvas.dispatchEvent(new CustomEvent("drawn", { bubbles: true, composed: true, detail })); // benchmarks listen
  }

  /** Fit the canvas and the panels into the element. boxes: left and top of each panel in css pixels. */
  lay() {
    const { map } = this;
    const { clientWidth: width, clientHeight: height } = this.element;
    Object.assign(this, { width, height, pixels: Math.min(window.devicePixelRatio || 1, 2) });
    const across = map.across;
    map.view.width = Math.max(1, width / across);
    map.view.height = Math.max(1, height / Math.ceil(map.panels.length / across));
    this.boxes = map.panels.map((_, i) => [(i % across) * map.view.width, Math.floor(i / across) * map.view.height]);
    const [w, h] = [Math.round(width * this.pixels), Math.round(height * this.pixels)];
    if (this.canvas.width !== w || this.canvas.height !== h) Object.assign(this.canvas, { width: w, height: h });
    return this;
  }

  /** The ringed in sight, at most RINGS of them, the least important first. */
  chooseRings() {
    const { map } = this;
    const [x0, y0, x1, y1] = map.view.sight(4);
    const seen = map.ringed.filter((row) => {
      const [x, y] = [map.xy[2 * row], map.xy[2 * row + 1]];
      return map.shown[row] && x >= x0 && x <= x1 && y >= y0 && y <= y1;
    });
    this.inSight = seen.length;
    this.rings = seen.slice(0, RINGS).reverse();
    const places = Uint16Array.from({ length: 2 * this.rings.length }, (_, i) => map.xy[2 * this.rings[i >> 1] + (i & 1)]);
    const looks = map.panels.map((panel) => Uint32Array.from(this.rings, (row) => map.look(panel, row)));
    this.painter?.setRings(places, looks);
  }

  /** The picture a browser without WebGL gets. */
  still() {
    this.map.root.classList.add("still");
    this.picture ??= make("div", "picture");
    this.picture.replaceChildren(drawn(this.map, { legend: false }));
    this.element.prepend(this.picture);
  }

  colours() {
    const style = getComputedStyle(this.map.root);
    const read = (name) => rgb(style.getPropertyValue(name)).map((value) => value / 255);
    const warning = rgb(this.map.data.ring.colour).map((value) => value / 255);
    return { paper: read("--st-background-color"), ink: read("--st-text-color"), warning };
  }
}
