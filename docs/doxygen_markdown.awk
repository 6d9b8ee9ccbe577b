# SPDX-License-Identifier: MIT
# Doxygen's filter for pages: GitHub's anchors of headings become labels, "page-anchor"; links to them
# name these, and links to files that are no page lead there from build/docs/html.

function anchor(title) {
  gsub(/`/, "", title)
  title = tolower(title)
  gsub(/[^-a-z0-9_ \200-\377]/, "", title)
  gsub(/ /, "-", title)
  return title
}

# A page's link target as a path from the repository's root: dir is the page's folder, "docs/" or "".
function from_root(target) {
  target = dir target
  while (sub(/[^\/]+\/\.\.\//, "", target)) {}
  return target
}

# A link's text and target, made Doxygen's.
function link(text, target,    hash, file) {
  hash = index(target, "#")
  file = hash ? substr(target, 1, hash - 1) : target
  if (target ~ /^[a-z]+:\/\//) return "[" text "](" target ")"
  if (file == "") return "[" text "](#" page "-" substr(target, 2) ")"
  file = from_root(file)
  if (file ~ /^(docs\/([a-z-]+\/)?)?[A-Za-z0-9-]+\.md$/) {
    if (!hash) return "[" text "](" file ")"
    sub(/.*\//, "", file)
    sub(/\.md$/, "", file)
    return "[" text "](#" file "-" substr(target, hash + 1) ")"
  }
  gsub(/`/, "", text)
  return "<a href=\"../../../" file "\">" text "</a>"
}

FNR == 1 {
  page = FILENAME
  if (index(page, ENVIRON["PWD"] "/") == 1) page = substr(page, length(ENVIRON["PWD"]) + 2)
  dir = page
  sub(/[^\/]*$/, "", dir)
  sub(/.*\//, "", page)
  sub(/\.md$/, "", page)
}
/^ *```/ { inside = !inside }
inside || /^ *```/ { print; next }
/^##+ / {
  title = $0
  sub(/^#+ /, "", title)
  print $0 " {#" page "-" anchor(title) "}"
  next
}
{
  out = ""
  rest = $0
  while (match(rest, /\[[^][]*\]\([^)]*\)/)) {
    whole = substr(rest, RSTART, RLENGTH)
    middle = index(whole, "](")
    out = out substr(rest, 1, RSTART - 1)
    text = substr(whole, 2, middle - 2)
    target = substr(whole, middle + 2, length(whole) - middle - 2)
    if (sub(/!$/, "", out)) {
      out = out "<img src=\"../../../" from_root(target) "\" alt=\"" text "\">"
    } else {
      out = out link(text, target)
    }
    rest = substr(rest, RSTART + RLENGTH)
  }
  print out rest
}
