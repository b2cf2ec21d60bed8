// The card beside the hovered point: its picture, label, what else is known. Picture and name are asked for by row.

const WAIT = 70; // milliseconds the pointer rests before the picture is asked for
const KEPT = 400; // answers remembered

class Card {
  constructor(map) {
    this.map = map;
    this.element = make("div", "card");
    this.element.hidden = true;
    this.answers = new Map();
  }

  show(row) {
    clearTimeout(this.timer);
    this.row = row;
    this.element.hidden = row === null;
    if (row === null) return;
    this.fill();
    const address = this.map.data.card;
    if (address === null) return;
    const item = this.map.items[row];
    const known = this.answers.get(`${address}/${item}`);
    if (known) this.fill(known);
    else this.timer = setTimeout(() => this.ask(row, `${address}/${item}`), WAIT);
  }

  async ask(row, address) {
    let answer = { id: "", src: "", said: [] }; // a server that does not answer leaves a card without a picture
    try {
      const response = await fetch(address);
      if (response.ok) answer = await response.json();
    } catch (error) {
      answer.id = "the server does not answer";
    }
    this.answers.set(address, answer);
    if (this.answers.size > KEPT) this.answers.delete(this.answers.keys().next().value);
    if (this.row === row) this.fill(answer);
  }

  fill(answer = { id: "", src: "", said: [] }) {
    const { map, row } = this;
    const parts = [];
    if (/^data:image\//.test(answer.src)) {
      const image = make("img");
      image.alt = "";
      image.addEventListener("load", () => {
        image.classList.toggle("pixels", Math.max(image.naturalWidth, image.naturalHeight) <= 28);
        this.place();
      });
      image.src = answer.src;
      parts.push(image);
    }
    for (const [who, words] of answer.said) {
      const said = make("div", "said", who ? `${who}: ${words}` : words);
      said.dir = "auto";
      parts.push(said);
    }
    parts.push(...map.facts(row).map(([kind, words]) => make("div", kind, words)));
    if (answer.id) parts.push(make("div", "id", answer.id));
    if (map.data.similar) parts.push(make("div", "hint", "Click opens it, S selects similar ones"));
    this.element.replaceChildren(...parts);
    this.place();
  }

  /** Beside the point, on the side where there is room. */
  place() {
    const { map, element } = this;
    if (this.row === null) return;
    const [x, y] = map.stage.overlay.centre(this.row);
    const { offsetWidth: w, offsetHeight: h } = element;
    const { clientWidth: width, clientHeight: height } = map.stage.element;
    element.style.left = `${x + 16 + w < width ? x + 16 : Math.max(4, x - 16 - w)}px`;
    element.style.top = `${Math.max(4, Math.min(y - h / 2, height - h - 4))}px`;
  }
}
