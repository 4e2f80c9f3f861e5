// Unpacks the Chromium of the package into the folder named by the first argument. Node reads Brotli; tar comes with Linux.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { brotliDecompressSync } from 'node:zlib';

const [, , folder, source] = process.argv;
mkdirSync(folder, { recursive: true });
for (const name of ['al2023.tar.br', 'fonts.tar.br', 'swiftshader.tar.br']) {
  execFileSync('tar', ['--extract', '--directory', folder], { input: brotliDecompressSync(readFileSync(`${source}/${name}`)) });
}
writeFileSync(`${folder}/chromium`, brotliDecompressSync(readFileSync(`${source}/chromium.br`)), { mode: 0o755 });
