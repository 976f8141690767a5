// Runs at every viewer request for the website (cloudfront-js-2.0). The page
// has routes of its own: a path that names no file is the page. Requests under
// /api/ never come here, so that the API's own 404s stay what they are.
function handler(event) {
  const request = event.request;
  const name = request.uri.slice(request.uri.lastIndexOf('/') + 1);
  if (!name.includes('.')) {
    request.uri = '/index.html';
  }
  return request;
}
