/**
 * Report an error that was caught together with expected ones, such as a lost connection, but is a fault of a script.
 * The page's handler of uncaught errors then tells the user.
 */
export function reportFault(error) {
  if (![TypeError, ReferenceError, RangeError].some((kind) => error instanceof kind)) return;
  setTimeout(() => {
    throw error;
  });
}
