// The dialogs: who edits, why a face stays visible, and the legend of the keys.
import { Component, html } from "./html.js";
import { KEYS } from "./keys.js";

export function Dialogs({ dialog }) {
  if (!dialog) return null;
  if (dialog.kind === "legend") return html`<${Modal} answer=${dialog.answer}><${Legend} /><//>`;
  const text = {
    name: ["Your name", "It is written beside each of your edits.", "Name"],
    reason: [`Leave a face visible: ${dialog.of}`, "Who looks at the video will see this person. Why may they?", "Reason"],
  }[dialog.kind];
  return html`<${Modal} answer=${dialog.answer}><${Question} text=${text} answer=${dialog.answer} /><//>`;
}

class Modal extends Component {
  componentDidMount() {
    this.dialog.showModal();
  }

  componentWillUnmount() {
    this.dialog.close(); // gives the focus back
  }

  render({ answer, children }) {
    return html`<dialog ref=${(dialog) => (this.dialog = dialog)} onCancel=${() => answer(null)}>${children}</dialog>`;
  }
}

function Question({ text: [title, explanation, label], answer }) {
  const submit = (event) => {
    event.preventDefault();
    const given = new FormData(event.target).get("text").trim();
    if (given) answer(given);
  };
  return html`
    <form onSubmit=${submit}>
      <h2>${title}</h2>
      <p>${explanation}</p>
      <label>${label} <input name="text" required maxlength="200" autofocus /></label>
      <p class="buttons">
        <button type="submit">Save</button>
        <button type="button" onClick=${() => answer(null)}>Cancel</button>
      </p>
    </form>
  `;
}

function Legend() {
  return html`
    <h2>Keys</h2>
    <table>
      ${KEYS.filter(([, name]) => name).map(
        ([key, name, text]) => html`<tr key=${key}><th><kbd>${name}</kbd></th><td>${text}</td></tr>`,
      )}
    </table>
    <p>Drag on the picture to draw a face that was missed. Esc closes this list.</p>
  `;
}
