#!/usr/bin/env bash
# Makes sure that the tests find what npm cannot give them: the Vulkan loader, a software Vulkan
# driver that WebGPU accepts (Mesa lavapipe 24 or later) and Chromium. Installs what is missing with
# apt-get where it may; otherwise prints the command and fails. SHIFTGRAD_NO_SETUP=1 only checks.
set -euo pipefail

oldest_mesa=24

say() { printf 'setup: %s\n' "$*" >&2; }

if [[ "$(uname -s)" != Linux ]]; then
  say "nothing to do on $(uname -s): WebGPU needs no Vulkan here; set CHROMIUM_PATH for the page's test"
  exit 0
fi

have_loader() {
  # A process substitution, because a pipe into grep -q would stop ldconfig half-way.
  grep -q 'libvulkan\.so\.1' < <({ ldconfig -p || /sbin/ldconfig -p; } 2>/dev/null)
}

mesa_major() {
  local version
  version=$(dpkg-query -W -f '${Version}' mesa-vulkan-drivers 2>/dev/null) || return 1
  version=${version#*:}
  printf '%s' "${version%%.*}"
}

have_driver() {
  compgen -G '/usr/share/vulkan/icd.d/lvp_icd*.json' >/dev/null || return 1
  local major
  # Without dpkg the version is not known; the tests will tell.
  if command -v dpkg-query >/dev/null; then
    major=$(mesa_major) || return 0
    [[ "$major" =~ ^[0-9]+$ ]] && ((major >= oldest_mesa))
  fi
}

have_chromium() {
  if [[ -n "${CHROMIUM_PATH:-}" ]]; then
    [[ -x "$CHROMIUM_PATH" ]]
  else
    command -v chromium >/dev/null
  fi
}

find_missing() {
  missing=()
  have_loader || missing+=(libvulkan1)
  have_driver || missing+=(mesa-vulkan-drivers)
  have_chromium || missing+=(chromium)
}

find_missing
((${#missing[@]})) || exit 0

release=$(. /etc/os-release 2>/dev/null && printf '%s' "${VERSION_CODENAME:-}") || release=
backports_list=/etc/apt/sources.list.d/shiftgrad-backports.list

# Debian 12's own Mesa is 22.3, which WebGPU refuses; its backports carry a good one.
needs_backports() {
  [[ "$release" == bookworm && " ${missing[*]} " == *' mesa-vulkan-drivers '* ]]
}

apt_targets() {
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages'
}

# The line that adds backports from the mirror this machine already uses; empty if it has them.
backports_line() {
  local targets mirror keyring=/usr/share/keyrings/debian-archive-keyring.gpg option=
  targets=$(apt_targets)
  [[ "$targets" == *" bookworm-backports main"* ]] && return 0
  mirror=$(awk '($2 == "bookworm" || $2 == "stable" || $2 == "oldstable") && $3 == "main" { print $1; exit }' \
    <<<"$targets")
  [[ -n "$mirror" ]] || return 1
  [[ -r "$keyring" ]] && option="[signed-by=$keyring] "
  printf 'deb %s%s bookworm-backports main' "$option" "$mirror"
}

commands=()
plan() {
  commands=()
  local line package
  if needs_backports; then
    if ! line=$(backports_line); then
      say "found no Debian mirror in this machine's apt sources; add bookworm-backports yourself"
      return 1
    fi
    [[ -z "$line" ]] || commands+=("echo '$line' > $backports_list")
  fi
  commands+=("apt-get update -q")
  for package in "${missing[@]}"; do
    local from=
    [[ "$package" == mesa-vulkan-drivers ]] && needs_backports && from="-t bookworm-backports "
    commands+=("apt-get install -y -q --no-install-recommends $from$package")
  done
}

script() {
  local joined
  printf -v joined '%s && ' "${commands[@]}"
  printf '%s' "${joined% && }"
}

explain() {
  say "missing: ${missing[*]}"
  if [[ " ${missing[*]} " == *' mesa-vulkan-drivers '* ]] && mesa_major >/dev/null; then
    say "(Mesa $(mesa_major) is installed, but WebGPU needs $oldest_mesa or later)"
  fi
  say "the tests run WebGPU on a software driver and drive the page in Chromium"
}

explain
if ! command -v apt-get >/dev/null; then
  say "no apt-get here: install the Vulkan loader, Mesa's lavapipe ($oldest_mesa or later) and Chromium"
  exit 1
fi
plan || exit 1

as_root=()
if [[ "$(id -u)" != 0 ]]; then as_root=(sudo -n); fi
if [[ "${SHIFTGRAD_NO_SETUP:-}" == 1 ]]; then
  say "SHIFTGRAD_NO_SETUP=1, so nothing is installed; as root, run:"
  say "  $(script)"
  exit 1
fi
if ((${#as_root[@]})) && ! sudo -n true 2>/dev/null; then
  say "may not install without a password; run:"
  say "  sudo sh -c \"$(script)\""
  exit 1
fi

say "installing: $(script)"
if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive sh -ec "$(script)" >&2; then
  say "the installation failed; see apt's message above, then run again"
  exit 1
fi

find_missing
if ((${#missing[@]})); then
  explain
  say "still missing after the installation; is another version pinned on this machine?"
  exit 1
fi
say "done"
