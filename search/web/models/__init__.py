"""What goes over the wire, as OpenAPI documents it: typed models, a file a subject, made of the library's values."""
