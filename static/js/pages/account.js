/** The account pages except sign-in, and the page that is shown when a limit is used up. */
import { prepareForm } from "../components/account_form.js";
import { takeAddress } from "../lib/typed_address.js";

prepareForm();
const field = document.querySelector("input[name=email]");
if (field && !field.value) field.value = takeAddress();
