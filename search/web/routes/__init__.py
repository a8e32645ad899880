"""The paths of the API, a file a subject: each reads a request, calls the library, and gives a model."""
