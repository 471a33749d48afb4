"""An emulated AWS account, served over HTTP on this machine: what `auditor demo` and the tests audit."""
