// Print name, version and licence text of every package whose code is in the bundle: licences.mjs META.json
import { readFileSync, readdirSync } from 'node:fs';

const { inputs } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const folders = new Set(
  Object.keys(inputs).flatMap(path => path.match(/^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//)?.[1] ?? []),
);

function licence(folder) {
  const { name, version, license, author } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'));
  const file = readdirSync(folder).find(entry => /^licen[cs]e/i.test(entry));
  const by = author?.name ?? author ?? `the authors of ${name}`;
  const absent = `Copyright (c) ${by}. The package declares ${license} and ships no text; see that of react for its wording.`;
  const text = file ? readFileSync(`${folder}/${file}`, 'utf8') : absent;
  return { title: `${name} ${version} (${license})`, text: text.trim().replace(/\r\n/g, '\n') };
}

const found = [...folders].map(licence).sort((a, b) => (a.title < b.title ? -1 : 1));
console.log(`graphiql.js and graphiql.css contain code of these ${found.length} packages.\n`);
console.log(found.map(({ title }) => `- ${title}`).join('\n'));
for (const { title, text } of found) console.log(`\n${'='.repeat(80)}\n${title}\n${'-'.repeat(80)}\n${text}`);
