# SPDX-License-Identifier: Apache-2.0
# A minimal system of the host's release, in which packages are installed and used: a part of prepare.
# Besides what every system has, it holds what the packages depend on, a compiler, headers of a kernel for dkms, and
# ccache, which is for the test's time only.

clean_root_packages=(bash-completion ccache dkms gcc kmod libc6-dev man-db pkg-config systemd)
# Of these the library that programs need, which is not always named alike.
clean_root_libraries=(libarchive-dev libjansson-dev libssl-dev libudev-dev libncurses-dev libpng-dev libjpeg62-turbo-dev)

# The libraries of -dev packages: those that they depend on in the same version.
libraries_of()
{
	dpkg-query -W -f '${Depends},${Package}\n' "$@" 2>/dev/null | tr ',' '\n' |
		sed -n 's/^ *\(lib[a-z0-9.+-]*[0-9][a-z0-9.+-]*\)\(:[a-z0-9]*\)\? (= .*/\1/p' | grep -v -e '-dev$' | sort -u
}

step_clean_root()
{
	local suite key packages headers

	suite=$(host_codename)
	mapfile -t packages < <(printf '%s\n' "${clean_root_packages[@]}"; libraries_of "${clean_root_libraries[@]}")
	key="2 $suite $(echo "${packages[@]}" | sha256sum | cut -c1-16)"
	if is_done clean-root "$key" clean-root/usr/bin/dpkg clean-root/usr/bin/gcc; then
		say "clean-root: a minimal $suite is there"
		return
	fi
	if [ "$(id -u)" != 0 ]; then
		say "clean-root: not root; tests of the Debian packages will be skipped"
		return
	fi
	need_command mmdebstrap mmdebstrap
	private_apt clean-root "$suite" "$suite-updates" "$suite-security"
	headers=linux-headers-$arch
	[ "$arch" != amd64 ] || headers=linux-headers-cloud-amd64
	packages+=("$headers")
	say "clean-root: making a minimal $suite (500 MB, some minutes)"
	run_quiet "cannot make a minimal $suite" "check the network and run this again" \
		mmdebstrap --mode=root --variant=essential --include="$(IFS=,; echo "${packages[*]}")" \
		--aptopt='Acquire::Languages "none"' --aptopt='Acquire::Retries "3"' \
		--dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
		"$suite" "$tmp/clean-root" "$(dirname "$apt_conf")/sources.list"
	# Packages that are tested come with all that they hold.
	rm -f "$tmp"/clean-root/etc/dpkg/dpkg.cfg.d/99mmdebstrap
	publish "$tmp/clean-root" clean-root
	mark_done clean-root "$key"
	say "clean-root: done"
}
