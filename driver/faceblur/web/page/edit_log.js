// The edits that people made: who, when, why; each can be undone.
import * as act from "./actions.js";
import { html, pure } from "./html.js";

export const EditLog = pure(["log"], ({ log }) => {
  return html`
    <section class="log" aria-label="Edits">
      <h2>Edits</h2>
      ${!log.length && html`<p>None.</p>`}
      <ol reversed>
        ${[...log].reverse().map((one) => html`<${Entry} key=${one.line} edit=${one} />`)}
      </ol>
    </section>
  `;
});

function Entry({ edit }) {
  const at = edit.at && new Date(edit.at).toLocaleString();
  return html`
    <li value=${edit.line} class=${edit.is_undone ? "undone" : ""}>
      ${edit.text}${edit.reason && `: ${edit.reason}`}
      <small>${[edit.by, at].filter(Boolean).join(", ")}</small>
      ${edit.op !== "undo" &&
      !edit.is_undone &&
      html`<button type="button" onClick=${() => act.undo(edit)}>undo</button>`}
    </li>
  `;
}
