// Prints what Insomnia makes of a file: its resources as JSON.
const fs = require("fs");
const { convert } = require("insomnia-importers");

convert(fs.readFileSync(process.argv[2], "utf8")).then(({ type, data }) => {
  console.log(JSON.stringify({ type: type.id, resources: data.resources }));
});
