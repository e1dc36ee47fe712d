// The console in a real browser: the story from the alarm to the resolution, the keyboard alone, accessibility, hostile texts.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { browser, incident, session } from "./incident.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
let chrome, served, ann, bob;

before(async () => {
  served = await incident();
  chrome = await browser();
  ann = await session(chrome, served.addresses.ann);
  bob = await session(chrome, served.addresses.bob);
});
after(async () => {
  await chrome?.close();
  served?.end();
});

const idOf = async ({ page, at }, order) => {
  await page.goto(`${at}/search?q=${order}`);
  return (await page.locator("main tbody tr").first().getAttribute("data-open")).split("/").pop();
};

/** No violation of WCAG 2.2 A and AA. The script is put in past the page's policy, which is the policy's own test elsewhere. */
async function accessible(page, name) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }));
  const told = violations.map((one) => `${one.id}: ${one.nodes.map((node) => `${node.target} ${node.failureSummary}`).join("; ")}`);
  assert.deepEqual(told, [], name);
}

test("a wrong token opens nothing, and an address that was used opens nothing again", async () => {
  const context = await chrome.newContext();
  const page = await context.newPage();
  for (const address of [served.addresses.ann, `${ann.at}/start?token=0`, `${ann.at}/`]) {
    const answer = await page.goto(address);
    assert.equal(answer.status(), 403, address);
    assert.ok(!(await page.content()).includes("orders-prod"));
  }
  await context.close();
});

test("every page is accessible, light and dark, wide and at 400 pixels", async () => {
  const letter = await idOf(ann, "o-00700");
  const paths = ["/", "/overview", "/jobs", "/search", "/search?q=o-00001", `/letters/${letter}`, `/act?what=replay&id=${letter}`,
    `/act?what=edit&id=${letter}`, "/act?what=discard&cause=PERMANENT%2Fcurrency", "/nowhere"];
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [1280, 400]) {
      await ann.page.emulateMedia({ colorScheme });
      await ann.page.setViewportSize({ width, height: 860 });
      for (const path of paths) {
        await ann.page.goto(ann.at + path);
        await accessible(ann.page, `${path} ${colorScheme} ${width}`);
        const wide = await ann.page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(wide <= width, `${path} is ${wide} wide at ${width}`);
      }
    }
  }
  await ann.page.emulateMedia({ colorScheme: "light" });
  await ann.page.setViewportSize({ width: 1280, height: 860 });
});

test("a hostile text is seen and does nothing", async () => {
  const letter = await idOf(ann, "o-00300");
  await ann.page.goto(`${ann.at}/letters/${letter}`);
  assert.ok((await ann.page.title()).startsWith(`Letter ${letter}`));
  assert.equal(await ann.page.locator("main img, main script").count(), 0);
  assert.ok((await ann.page.locator(".ctl", { hasText: "\\u{202e}" }).count()) > 0);
});

test("an inline script is refused by the policy", async () => {
  await ann.page.goto(`${ann.at}/jobs`);
  const before = ann.wrong.length;
  await ann.page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "document.title = 'pwned'";
    document.body.append(script);
  });
  assert.notEqual(await ann.page.title(), "pwned");
  ann.wrong.splice(before);
});

test("the keyboard alone leads from the causes to a letter, and back to the find box", async () => {
  const { page, at } = ann;
  await page.goto(at);
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  assert.equal(await page.locator(".cause.at").count(), 1);
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/search\?cause=/);
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/letters\//);
  await page.keyboard.press("?");
  assert.ok(await page.locator("#help").isVisible());
  await page.keyboard.press("Escape");
  await page.keyboard.press("/");
  await page.keyboard.type("o-00700");
  await page.keyboard.press("Enter");
  await page.waitForURL(/q=o-00700/);
  assert.ok(await page.getByText("amount is over the limit").isVisible());
});

test("from the alarm to the resolution: causes, one letter, a replay, its job until it is done", async () => {
  const { page, at } = ann;
  await page.goto(at);
  await page.getByRole("link", { name: "SCHEMA/missing-field" }).click();
  await page.locator("main tbody tr a").first().click();
  assert.ok(await page.getByText("missing field `customer_id`").first().isVisible());
  await page.goto(`${at}/act?what=replay&cause=SCHEMA%2Fmissing-field`);
  assert.ok(await page.getByRole("heading", { name: "26 letters to be replayed" }).isVisible());
  await page.getByLabel(/Reason/).fill("the producer sends customer_id again since 43");
  await page.getByRole("button", { name: "Replay as a job" }).click();
  await page.waitForURL(/\/jobs\//);
  // Nothing is loaded anew: the server tells of what happens.
  await page.getByText(/STOPPED|DONE/).first().waitFor({ timeout: 90_000 });
});

test("two people at once: the second is told who was first, and what became of it", async () => {
  const address = "/act?what=discard&cause=TRANSIENT%2Fno-row";
  await ann.page.goto(ann.at + address);
  await bob.page.goto(bob.at + address);
  await bob.page.getByLabel(/Reason/).fill("the orders were deleted");
  await bob.page.getByRole("button", { name: "Discard" }).click();
  assert.ok(await bob.page.getByRole("heading", { name: "3 letters discarded" }).isVisible());
  await ann.page.getByLabel(/Reason/).fill("no row");
  await ann.page.getByRole("button", { name: "Discard" }).click();
  assert.ok(await ann.page.getByRole("heading", { name: "Nothing was changed" }).isVisible());
  assert.ok(await ann.page.getByText("discarded by bob").first().isVisible());
});

test("a read-only console shows its buttons disabled, with the reason", async () => {
  const eve = await session(chrome, served.addresses.eve);
  const button = eve.page.getByRole("button", { name: "Replay…" }).first();
  assert.ok(await button.isDisabled());
  assert.match(await button.getAttribute("title"), /--allow-changes/);
});

test("no page has logged an error", () => {
  for (const { wrong } of [ann, bob]) assert.deepEqual(wrong.filter((text) => !text.includes("403") && !text.includes("404")), []);
});
