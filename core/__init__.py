"""The kernel: hierarchy, people, matters, trace and the plugin host. Knows no plugin, no GraphQL, no HTTP."""
