// Answers every request with what it saw of it, and prints a line for each.
const http = require('http');
const server = http.createServer({ keepAliveTimeout: 60000, requireHostHeader: false }, (req, res) => {
  console.log(req.method + ' ' + req.url);
  let size = 0;
  req.on('data', (piece) => { size += piece.length; });
  req.on('error', () => {});
  req.on('end', () => {
    res.setHeader('X-Saw', req.method + ' ' + req.url);
    res.setHeader('X-Body', String(size));
    res.end('node\n');
  });
});
server.maxRequestsPerSocket = 0;
const [host, port] = process.argv[2].split(':');
server.listen(Number(port), host);
process.on('SIGTERM', () => process.exit(0));
