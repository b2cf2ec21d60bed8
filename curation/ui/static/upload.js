// The browser's half of an upload; curation/ui/start/upload.py is the other. Every file is a PUT of its own to the app's
// route, at most four at a time. Each attempt has a folder of its own, so what an earlier, stopped one left behind is
// never taken for part of this one. Text reaches the page through textContent only.

const AT_ONCE = 4;
const places = new WeakMap(); // where it is drawn -> Upload

export default function (component) {
  const place = component.parentElement;
  if (!places.has(place)) places.set(place, new Upload(place));
  const upload = places.get(place);
  upload.update(component);
  return () => setTimeout(() => place.isConnected || upload.stop(), 0); // the page was left
}

class Upload {
  constructor(place) {
    const find = (selector) => place.querySelector(selector);
    this.parts = { drop: find(".drop"), state: find(".state"), bar: find(".bar"), fill: find(".bar i") };
    this.buttons = { files: find(".files"), folder: find(".folder"), stop: find(".stop") };
    this.running = null;
    const pickFiles = find(".pick-files");
    const pickFolder = find(".pick-folder");
    this.buttons.files.onclick = () => pickFiles.click();
    this.buttons.folder.onclick = () => pickFolder.click();
    this.buttons.stop.onclick = () => this.stop();
    for (const input of [pickFiles, pickFolder])
      input.onchange = () => {
        this.send([...input.files].map((file) => [file, file.webkitRelativePath || file.name]));
        input.value = ""; // the same files can be chosen again
      };
    const { drop } = this.parts;
    drop.ondragover = (event) => {
      event.preventDefault();
      drop.classList.add("over");
    };
    drop.ondragleave = () => drop.classList.remove("over");
    drop.ondrop = async (event) => {
      event.preventDefault();
      drop.classList.remove("over");
      const items = [...event.dataTransfer.items].filter((item) => item.kind === "file");
      const entries = items.map((item) => item.webkitGetAsEntry() ?? item.getAsFile());
      try {
        this.send((await Promise.all(entries.map((entry) => walk(entry, "")))).flat());
      } catch (error) {
        this.say(`This cannot be read: ${error.message}`, true);
      }
    };
  }

  update({ data, setTriggerValue }) {
    if (!this.data) this.say(data.hint);
    this.data = data;
    this.tell = setTriggerValue;
  }

  say(text, bad = false) {
    this.parts.state.textContent = text;
    this.parts.state.classList.toggle("bad", bad);
    this.parts.state.setAttribute("role", bad ? "alert" : "status");
  }

  stop() {
    this.running?.abort();
  }

  async send(chosen) {
    if (this.running) return;
    const files = chosen.filter(([, path]) => !path.split("/").some((part) => /^\.|^__MACOSX$/.test(part)));
    if (!files.length) {
      this.say("What you chose contains no files. " + this.data.hint, true);
      return;
    }
    const large = files.find(([file]) => file.size > this.data.limit); // the server refuses it too, halfway
    if (large) {
      this.say(`${large[1]} has ${megabytes(large[0].size)} MB; the limit for one file is ${megabytes(this.data.limit)} MB.`, true);
      return;
    }
    this.running = new AbortController();
    this.busy(true);
    const { signal } = this.running;
    const { token } = this.data;
    const attempt = Date.now().toString(36);
    const total = files.reduce((sum, [file]) => sum + file.size, 0);
    const sent = new Array(files.length).fill(0);
    let [next, done, sum] = [0, 0, 0];
    const show = () => {
      this.parts.fill.style.width = `${total ? (100 * sum) / total : (100 * done) / files.length}%`;
      const count = files.length > 1 ? `${number(done)} of ${number(files.length)} files, ` : "";
      this.say(`${count}${megabytes(sum)} of ${megabytes(total)} MB`);
    };
    const worker = async () => {
      while (next < files.length && !signal.aborted) {
        const at = next++;
        const [file, path] = files[at];
        const part = (bytes) => {
          sum += Math.min(bytes, file.size) - sent[at];
          sent[at] = Math.min(bytes, file.size);
          show();
        };
        await put(file, `${this.data.route}/${token}/${attempt}/${path}`, part, signal);
        done += 1;
        part(file.size);
      }
    };
    show();
    try {
      await Promise.all(Array.from({ length: Math.min(AT_ONCE, files.length) }, worker));
      if (signal.aborted) throw new Stopped();
      this.say(`${number(files.length)} ${files.length > 1 ? "files" : "file"}, ${megabytes(total)} MB uploaded`);
      this.tell("done", { attempt, files: files.length });
    } catch (error) {
      this.running.abort();
      const stopped = error instanceof Stopped;
      this.say(stopped ? `Stopped. ${this.data.hint}` : `Upload failed: ${error.message}.`, !stopped);
    }
    this.running = null;
    this.busy(false);
  }

  busy(on) {
    this.buttons.stop.hidden = !on;
    this.parts.bar.hidden = !on;
    this.buttons.files.hidden = on;
    this.buttons.folder.hidden = on;
    window.onbeforeunload = on ? (event) => event.preventDefault() : null;
  }
}

class Stopped extends Error {}

// fetch() reports no upload progress
function put(file, path, progress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", path.split("/").map(encodeURIComponent).join("/"));
    request.setRequestHeader("X-Winnow", "upload");
    request.upload.onprogress = (event) => progress(event.loaded);
    request.onload = () => (request.status === 201 ? resolve() : reject(new Error(reason(request))));
    request.onerror = () => reject(new Error("the connection was lost"));
    request.onabort = () => reject(new Stopped());
    signal.addEventListener("abort", () => request.abort());
    if (signal.aborted) reject(new Stopped());
    else request.send(file);
  });
}

function reason(request) {
  try {
    return JSON.parse(request.responseText).error;
  } catch {
    return `the server answered ${request.status}`;
  }
}

// A dropped file or folder as [[File, relative path]].
async function walk(entry, prefix) {
  if (entry instanceof File) return [[entry, prefix + entry.name]];
  if (entry.isFile) return [[await new Promise((ok, no) => entry.file(ok, no)), prefix + entry.name]];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const batch = await new Promise((ok, no) => reader.readEntries(ok, no));
    if (!batch.length) return found;
    for (const child of batch) found.push(...(await walk(child, `${prefix}${entry.name}/`)));
  }
}

const number = (value) => value.toLocaleString("en");
const megabytes = (bytes) => (bytes / 1e6).toLocaleString("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
