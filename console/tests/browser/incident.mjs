// A console over an incident in memory, and a browser to look at it: for the tests and the pictures.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

export const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);

/** Starts the console; each operator has an address that opens a session once. */
export async function incident(...args) {
  const process_ = spawn(process.env.CONSOLE_INCIDENT, args, { stdio: ["pipe", "pipe", "inherit"] });
  const addresses = {};
  for await (const line of createInterface({ input: process_.stdout })) {
    const [operator, address] = line.split(" ");
    addresses[operator] = address;
    if (operator === "eve") break;
  }
  return { addresses, end: () => process_.stdin.end() };
}

export function browser() {
  return chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--force-color-profile=srgb"] });
}

/** Opens a session as an operator. */
export async function session(browser_, address, options = {}) {
  const context = await browser_.newContext({ viewport: { width: 1280, height: 860 }, timezoneId: "Europe/Zurich", locale: "en-GB", ...options });
  const page = await context.newPage();
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(String(error)));
  page.on("console", (message) => { if (message.type() === "error") wrong.push(message.text()); });
  await page.goto(address);
  await page.waitForURL((url) => url.pathname === "/");
  await page.waitForSelector(".cause");
  return { page, context, wrong, at: new URL(address).origin };
}
