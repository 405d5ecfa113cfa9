"""What the read commands show: each view turns a node's answer into a JSON document and into text.

Pure: answers in, documents and lines out. Never asks a node, never decides an exit code.
"""
