// Elements are written as templates: html`<b>${text}</b>`. What is put in is escaped.
import htm from "./vendor/htm.js";
import { Component, h, render } from "./vendor/preact.js";

export const html = htm.bind(h);
export { Component, render };
