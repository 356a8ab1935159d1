"""The GraphQL edge: declared types, composition per profile, execution, HTTP. Knows the kernel, never a plugin."""
