// What a test asks of a client, as the program's one argument, and how it is told what happens: a line of JSON each.
export const { url, tokens, query, variables, options = {} } = JSON.parse(process.argv[2]);

export const say = (what) => console.log(JSON.stringify(what));

/** The next of the tokens that the test has given, and the last of them from then on. */
export const token = () => (tokens.length > 1 ? tokens.shift() : tokens[0]);

export const soon = () => new Promise((resolve) => setTimeout(resolve, 50));

process.stdin.on("end", () => process.exit()).resume(); // the test has heard enough
