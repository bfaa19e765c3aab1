// Elements are written as templates: html`<b>${text}</b>`. What is put in is escaped.
import htm from "./vendor/htm.js";
import { Component, h, render } from "./vendor/preact.js";

export const html = htm.bind(h);
export { Component, render };

/** A view that is drawn again only when one of these properties has changed: others change with each step. */
export function pure(names, view) {
  return class extends Component {
    shouldComponentUpdate(next) {
      return names.some((name) => next[name] !== this.props[name]);
    }

    render(props) {
      return view(props);
    }
  };
}
