// Picture of a terminal's recording (asciicast, version 2), played in a real browser: node recording.mjs CAST GIF
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { browser } from "./incident.mjs";

const [cast, gif] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const [head, ...events] = readFileSync(cast, "utf8").trim().split("\n").map((line) => JSON.parse(line));
const of = (name) => readFileSync(require.resolve(name), "utf8");

// Steps that a reader can follow: what comes within half a second is one picture, and no wait is longer than two seconds.
const STEP = 0.5;
const LONGEST = 2;
const steps = [];
for (const [second, , text] of events) {
  const last = steps.at(-1);
  if (last && second - last.second < STEP) last.text += text;
  else steps.push({ second, text });
}

const chrome = await browser();
const page = await chrome.newPage({ deviceScaleFactor: 1 });
await page.setContent(`<!doctype html><style>${of("@xterm/xterm/css/xterm.css")}
  body { margin: 0; background: #10141a; } #terminal { display: inline-block; padding: 12px; }
  .xterm-viewport { overflow: hidden !important; }</style><div id="terminal"></div>`);
await page.addScriptTag({ content: of("@xterm/xterm/lib/xterm.js") });
await page.evaluate(({ width, height }) => {
  const theme = { background: "#10141a", foreground: "#d7dce2", cursor: "#d7dce2", green: "#7ccf8a", red: "#f07178", yellow: "#e6c07b" };
  const options = { cols: width, rows: height, fontSize: 13, fontFamily: "DejaVu Sans Mono, Liberation Mono, monospace", theme, cursorBlink: false, scrollback: 0 };
  window.terminal = new Terminal(options);
  window.terminal.open(document.getElementById("terminal"));
}, head);
const place = page.locator("#terminal");
const pictures = [];
for (const [n, { second, text }] of steps.entries()) {
  await page.evaluate((written) => new Promise((done) => window.terminal.write(written, () => requestAnimationFrame(() => requestAnimationFrame(done)))), text);
  const next = steps[n + 1]?.second ?? second + LONGEST;
  const png = (await place.screenshot()).toString("base64");
  const seconds = Math.min(next - second, LONGEST);
  const before = pictures.at(-1);
  if (before?.png === png) before.seconds = Math.min(before.seconds + seconds, LONGEST);
  else pictures.push({ png, seconds });
}
pictures.at(-1).seconds = 4;

// The browser decodes its own pictures; one palette serves all.
const encoderSource = of("gifenc");
await page.addScriptTag({ content: `{ const module = { exports: {} }; const exports = module.exports;\n${encoderSource}\nwindow.gif = module.exports; }` });
const encoded = await page.evaluate(async (all) => {
  const pixels = async (png) => {
    const bitmap = await createImageBitmap(await (await fetch(`data:image/png;base64,${png}`)).blob());
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0);
    return context.getImageData(0, 0, bitmap.width, bitmap.height);
  };
  const encoder = window.gif.GIFEncoder();
  const last = await pixels(all.at(-1).png);
  const palette = window.gif.quantize(last.data, 31);
  // What is as before is left transparent: a picture costs what has changed.
  const transparentIndex = palette.push([0, 0, 0]) - 1;
  let before;
  for (const { png, seconds } of all) {
    const { data, width, height } = await pixels(png);
    const now = window.gif.applyPalette(data, palette.slice(0, transparentIndex));
    const changed = before ? now.map((color, at) => (color === before[at] ? transparentIndex : color)) : now;
    const options = { palette, delay: Math.round(seconds * 1000), transparent: before !== undefined, transparentIndex, dispose: 1 };
    encoder.writeFrame(changed, width, height, options);
    before = now;
  }
  encoder.finish();
  let text = "";
  for (const byte of encoder.bytes()) text += String.fromCharCode(byte);
  return btoa(text);
}, pictures);
writeFileSync(gif, Buffer.from(encoded, "base64"));
if (process.env.LAST) writeFileSync(process.env.LAST, Buffer.from(pictures.at(-1).png, "base64"));
console.log(`${gif}: ${pictures.length} pictures`);
await chrome.close();
