// Requests from this page are this service's own: the mark says so (docs/http.md, cross-site requests).
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#api",
  validatorUrl: null,
  tryItOutEnabled: true,
  filter: true,
  defaultModelsExpandDepth: 0,
  requestInterceptor: (request) => {
    request.headers["X-Daybook"] = "1";
    return request;
  },
});
