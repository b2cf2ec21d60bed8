// Where a map is looked at from, and how large its points are there.

const MARGIN = 20; // css pixels left free around the whole map
const CLOSEST = 60; // about where a step of the coordinates is a pixel
const LARGEST = 6; // css pixels across for the easiest items, however close
const CONTRAST = 2.6; // the hardest item's diameter is 1 + CONTRAST times the easiest's: 13 times its area
const STEEP = 2; // the diameter grows with difficulty to this power, so that the hardest tenth stands out
const COVER = 1.1; // discs over an area, relative to that area, around a typical point; tuned by eye on 1,438 to 1,000,000

const ITSELF = 0.07; // points per cell that a point adds where it lies, after the smoothing of `crowding`

class View {
  constructor() {
    Object.assign(this, { x: 0, y: 0, zoom: 1, width: 1, height: 1, extent: [FULL, FULL], crowded: 1 });
  }

  /** extent: the largest coordinates [x, y]; crowded: points per cell around a typical point. */
  lay(extent, crowded) {
    this.extent = extent;
    this.crowded = crowded;
  }

  reset() {
    Object.assign(this, { x: this.extent[0] / 2, y: this.extent[1] / 2, zoom: 1 });
  }

  /** css pixels per coordinate */
  get scale() {
    const room = (side) => Math.max(side - 2 * MARGIN, 10);
    return this.zoom * Math.min(room(this.width) / Math.max(this.extent[0], 1), room(this.height) / Math.max(this.extent[1], 1));
  }

  toScreen(x, y) {
    return [this.width / 2 + (x - this.x) * this.scale, this.height / 2 - (y - this.y) * this.scale];
  }

  toMap(left, top) {
    return [this.x + (left - this.width / 2) / this.scale, this.y - (top - this.height / 2) / this.scale];
  }

  pan(dx, dy) {
    const clip = (value, most) => Math.min(most, Math.max(0, value));
    this.x = clip(this.x - dx / this.scale, this.extent[0]);
    this.y = clip(this.y + dy / this.scale, this.extent[1]);
  }

  /** Zoom by a factor; the place under (left, top) stays where it is. */
  zoomAt(factor, left = this.width / 2, top = this.height / 2) {
    const [x, y] = this.toMap(left, top);
    this.zoom = Math.min(CLOSEST, Math.max(0.5, this.zoom * factor));
    const [nowLeft, nowTop] = this.toScreen(x, y);
    this.pan(left - nowLeft, top - nowTop);
  }

  /** The rectangle of coordinates in sight, widened by `more` css pixels: [x0, y0, x1, y1]. */
  sight(more = 0) {
    const [[x0, y1], [x1, y0]] = [this.toMap(-more, -more), this.toMap(this.width + more, this.height + more)];
    return [x0, y0, x1, y1];
  }

  /** css pixels squared that a cell of the grid takes. */
  get cellArea() {
    return (256 * this.scale) ** 2;
  }

  /**
   * Diameter of the easiest items in css pixels. At zoom 1 the discs around a typical point cover about COVER of the
   * area they lie in; it grows with the root of the zoom, so that zooming in takes points apart.
   */
  get base() {
    const perPixel = this.crowded / (this.cellArea / this.zoom ** 2);
    const mean = Math.sqrt((4 * COVER) / (Math.PI * perPixel));
    return Math.min(LARGEST, Math.min(4.6, Math.max(1, mean / 1.6)) * Math.max(this.zoom, 0.8) ** 0.5);
  }
}

/** css pixels across. level: 0..LEVELS; flat: there is no difficulty to show. As in the shader. */
function diameter(base, level, flat) {
  return base * (flat ? 1.6 : 1 + CONTRAST * (level / LEVELS) ** STEEP);
}

/** Opacity of a point: where discs lie upon each other each gives way, so that a cluster's core still shows. */
function opacity(across, perCell, cellArea) {
  const layers = (Math.max(perCell - ITSELF, 0) / cellArea) * (Math.PI / 4) * across * across;
  return Math.min(0.92, Math.max(0.07, 0.92 * Math.max(layers, 1e-6) ** -0.5));
}
