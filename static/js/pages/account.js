/** The pages of one's account, except the sign-in page, and the page that tells of a used-up limit. */
import { prepareForm } from "../components/account_form.js";
import { takeAddress } from "../lib/typed_address.js";

prepareForm();
const field = document.querySelector("input[name=email]");
if (field && !field.value) field.value = takeAddress();
