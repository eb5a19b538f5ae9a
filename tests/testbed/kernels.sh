# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The part of "prepare" that makes guest kernels: Debian's, relocated so that modules can be built for
# them where they lie, and the debug kernel, built from Debian's source. Sourced by prepare; needs its
# helpers. Each kernel is a directory:
#   vmlinuz vmlinux config release   what QEMU starts, unpacked if possible
#   build modules                    what modules are built against, and what "modprobe" finds
#   make                             if there: builds modules for it in place of the host's make
#   cmdline                          if there: more of the kernel's command line

# The suites of the host's own release, of which kernels can be built for with the host's compiler.
host_suites()
{
	local s

	s=$(host_codename)
	case $s in
	bookworm|trixie) ;;
	*) s=trixie ;;
	esac
	echo "$s $s-updates $s-security $s-backports"
}

# kernel_find SERIES FLAVOUR: prints "RELEASE VERSION" of the newest; SERIES "" is any.
kernel_find()
{
	apt-cache -c "$apt_conf" dumpavail |
		awk -v series="${1//./\\.}" -v flavour="$2" '
		/^Package: / { p = $2 }
		/^Version: / && p ~ "^linux-headers-" (series ? series "\\." : "[0-9]+\\.") "[0-9]+.*-" flavour "$" {
			r = substr(p, 15)
			if (flavour == "amd64" && r ~ /-(cloud|rt)-amd64$/)
				next
			print r, $2
		}' | sort -V | tail -n 1
}

# The packages that make up a kernel. Their names changed over time: what the suite does not have is left out.
kernel_packages()
{
	local release=$1 flavour=$2 abi=${1%-"$2"} p

	# Before 6.12 one kbuild served all builds of a series.
	for p in "linux-headers-$release" "linux-headers-$abi-common" "linux-kbuild-$abi" \
		"linux-kbuild-$(echo "$release" | cut -d. -f1,2)" "linux-base-$release" "linux-binary-$release" \
		"linux-modules-$release" "linux-image-$release"; do
		[ -z "$(candidate "$p")" ] || echo "$p"
	done
}

# Debian's headers name absolute places; these edits make the tree work where it lies.
kernel_relocate()
{
	local root=$1 release=$2 headers common kbuild cc

	headers=$root/usr/src/linux-headers-$release
	common=$(basename "$(echo "$root"/usr/src/linux-headers-*-common)")
	kbuild=$(basename "$(echo "$root"/usr/lib/linux-kbuild-*)")
	[ -d "$root/usr/src/$common" ] && [ -d "$root/usr/lib/$kbuild" ] ||
		die "unknown layout of the kernel headers $release" "report this with the release name"
	# Since 6.13 the common part wants to be told where the built part is.
	printf 'KBUILD_OUTPUT := $(abspath $(dir $(lastword $(MAKEFILE_LIST))))\ninclude $(KBUILD_OUTPUT)/../%s/Makefile\n' \
		"$common" >"$headers/Makefile"
	cc=$(sed -n 's/^CONFIG_CC_VERSION_TEXT="\([^ ]*\).*/\1/p' "$headers/.config")
	cc=${cc##*-gnu-}
	kernel_cc=${cc:-gcc}
	# 7.x asks it whether sparse is new enough. Debian's packages lack it, and Debian's sparse is not:
	# who calls it helps it with definitions.
	if grep -q checker-valid.sh "$root/usr/src/$common/Makefile" &&
		[ ! -e "$root/usr/src/$common/scripts/checker-valid.sh" ]; then
		printf '#!/bin/sh\necho 1\n' >"$root/usr/lib/$kbuild/scripts/checker-valid.sh"
		chmod +x "$root/usr/lib/$kbuild/scripts/checker-valid.sh"
	fi
	# BTF of modules would need pahole at each build, and no test reads it.
	sed -i '/^CONFIG_DEBUG_INFO_BTF_MODULES=/d' "$headers/include/config/auto.conf"
	rm -f "$headers/vmlinux"
	ln -sfn "../../../usr/src/linux-headers-$release" "$root/lib/modules/$release/build"
	ln -sfn "../../../usr/src/$common" "$root/lib/modules/$release/source"
}

# toolchain COMPILER MAKE: a compiler from the suite of a kernel that is newer than the host's, and a make
# that uses it. Programs in it see the host's files in their places, but for the system's own.
toolchain()
{
	local cc=$1 root=$tmp/toolchain-root deb key="1 $1 trixie"

	if ! is_done toolchain "$key" toolchain/usr/bin/make; then
		say "toolchain: fetching $cc, clang, sparse, make and what they need from trixie (150 MB)"
		run_quiet "cannot download $cc" "check the network and run this again" \
			apt-get -c "$apt_conf" -y --download-only install "$cc" clang sparse make libc6-dev bash dash \
			coreutils sed grep gawk findutils diffutils perl-base python3-minimal kmod base-files pahole llvm lld
		mkdir -p "$root"
		for deb in "$(dirname "$apt_conf")"/archives/*.deb; do
			dpkg-deb -x "$deb" "$root"
		done
		rm -rf "$root"/usr/share/{doc,man,locale,info} "$root"/usr/lib/systemd
		ln -sf "$cc" "$root/usr/bin/gcc"
		ln -sf gawk "$root/usr/bin/awk"
		ln -sf python3 "$root/usr/bin/python"
		publish "$root" toolchain
		mark_done toolchain "$key"
	fi
	cat >"$2" <<-'EOF'
	#!/bin/bash
	# Runs make with the toolchain in place of the host's: a directory beside this kernel's.
	here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
	places=()
	for d in /*; do
		case $d in
		/usr|/bin|/sbin|/lib*|/etc|/proc|/dev|/sys) ;;
		*) [ ! -d "$d" ] || places+=(--bind "$d" "$d") ;;
		esac
	done
	tools=$(dirname "$here")/toolchain
	exec bwrap --ro-bind "$tools/usr" /usr --ro-bind "$tools/etc" /etc --symlink usr/bin /bin \
		--symlink usr/sbin /sbin --symlink usr/lib /lib --symlink usr/lib64 /lib64 \
		--proc /proc --dev /dev "${places[@]}" --chdir "$PWD" --setenv PATH /usr/bin:/usr/sbin -- make "$@"
	EOF
	chmod +x "$2"
}

kernel_prove()
{
	local build=$1 make=$2 dir=$tmp/prove

	mkdir -p "$dir"
	cat >"$dir/prove.c" <<-'EOF'
	// SPDX-License-Identifier: GPL-2.0
	#include <linux/module.h>
	MODULE_DESCRIPTION("proves that the extracted headers build modules");
	MODULE_LICENSE("GPL");
	EOF
	echo 'obj-m := prove.o' >"$dir/Kbuild"
	# What "make O=DIR setup" was told means something else to the kernel's build.
	run_quiet "the extracted kernel headers do not build a module on this host" \
		"read the compiler's message above; gcc and libelf-dev are needed ('prepare packages')" \
		env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u O -u C -u V -u W "$make" -s -C "$build" M="$dir" modules
	[ -s "$dir/prove.ko" ] || die "the kernel build left no module" "run this again with --force"
	rm -rf "$dir"
}

# kernel_unpack DIR: the kernel itself, so that guests need not unpack it at each boot.
kernel_unpack()
{
	if ! /usr/bin/python3 "$here/vmlinux.py" "$1/vmlinuz" "$1/vmlinux"; then
		say "guests will unpack this kernel themselves (slower, no harm)"
		rm -f "$1/vmlinux"
	fi
}

# kernel_extract DIRECTORY SERIES FLAVOUR SET SUITE...
kernel_extract()
{
	local into=$1 series=$2 flavour=$3 set=$4 found release version root headers packages make=make d f p
	shift 4

	if is_done "$into" "3 $series-$flavour $1" "$into/vmlinuz" "$into/build/Makefile"; then
		say "$into: Linux $(cat "$cache/$into/release") is there"
		return
	fi
	[ "$arch" = amd64 ] || die "no guest kernel for architecture $arch yet" "use an amd64 host"
	need_command make build-essential
	need_command gcc build-essential
	need_command depmod kmod
	need_command /usr/bin/python3 python3
	private_apt "$set" "$@"
	found=$(kernel_find "$series" "$flavour")
	[ -n "$found" ] || die "$1 has no kernel $series of flavour $flavour" "report this"
	read -r release version <<<"$found"
	say "$into: extracting Linux $release ($version) and its headers from $1"

	root=$tmp/$into
	headers=linux-headers-$release
	mapfile -t packages < <(kernel_packages "$release" "$flavour")
	fetch_debs "$root/root" "${packages[@]}"
	# Trees without merged /usr put the modules here, merged ones there.
	[ -d "$root/root/lib" ] || ln -s usr/lib "$root/root/lib"
	kernel_relocate "$root/root" "$release"
	depmod -b "$root/root" "$release"
	rm -rf "$root/root/usr/share"
	# Since 7.1 the image lies with the modules.
	for d in root/boot/ root/lib/modules/; do
		for f in vmlinuz config; do
			for p in "$d$f-$release" "$d$release/$f"; do
				[ ! -s "$root/$p" ] || ln -sfn "$p" "$root/$f"
			done
		done
	done
	ln -s "root/usr/src/$headers" "$root/build"
	ln -s "root/lib/modules/$release" "$root/modules"
	echo "$release" >"$root/release"
	[ -s "$root/vmlinuz" ] || die "the packages of the kernel $release hold no vmlinuz" "report this"
	kernel_unpack "$root"
	if command -v "$kernel_cc" >/dev/null 2>&1; then
		:
	elif [ "$set" = backports ]; then
		need_command bwrap bubblewrap
		toolchain "$kernel_cc" "$root/make"
		make=$cache/$into/make
	else
		# Modules may be built by another gcc: kbuild only warns, options are probed at build time
		# except for the plugin and feature switches that .config has frozen.
		say "$into: it was built by $kernel_cc, which this host lacks; modules will be built by gcc"
		sed -i 's/^CC = .*/CC = gcc/' "$root/build/.kernelvariables"
	fi
	publish "$root" "$into"
	kernel_prove "$cache/$into/build" "$make"
	mark_done "$into" "3 $series-$flavour $1"
	say "$into: done, builds modules"
}

# step_kernel [NAME]
step_kernel()
{
	local suites

	case ${1:-} in
	'')
		read -ra suites < <(host_suites)
		kernel_extract kernel 6.12 cloud-amd64 host "${suites[@]}"
		;;
	6.1)
		kernel_extract kernel-6.1 6.1 cloud-amd64 bookworm bookworm bookworm-updates bookworm-security
		;;
	backports)
		# The suite must come first that names the kernel; apt takes the newest of all.
		kernel_extract kernel-backports "" cloud-amd64 backports \
			trixie-backports trixie trixie-updates trixie-security
		;;
	esac
}

# --- the debug kernel ------------------------------------------------------------------------------

# Tools of a kernel's build that take their options from Kconfig's answers.
debug_config()
{
	local tree=$1 missing

	run_quiet "the debug kernel cannot be configured" "flex and bison are needed ('prepare packages')" \
		make -s -C "$tree" KCONFIG_ALLCONFIG="$here/debug-kernel.config" allnoconfig
	missing=$(grep '^CONFIG_' "$here/debug-kernel.config" | grep -v '=n$' | grep -vxFf "$tree/.config" || true)
	[ -z "$missing" ] || die "Kconfig does not grant ${missing//$'\n'/ }" \
		"look up what it depends on and add that to $here/debug-kernel.config"
}

# The build's own output is long: one line now and then shows that it goes on.
debug_make()
{
	local log=$tmp/debug-kernel.log jobs start=$SECONDS pid next=30

	jobs=$(nproc 2>/dev/null || echo 2)
	# Left to itself the kernel names the host and the time, and no two builds would be alike.
	KBUILD_BUILD_USER=neuron KBUILD_BUILD_HOST=testbed KBUILD_BUILD_TIMESTAMP=@0 \
		make -C "$1" -j"$jobs" bzImage modules_prepare >"$log" 2>&1 </dev/null &
	pid=$!
	while kill -0 "$pid" 2>/dev/null; do
		sleep 1
		if [ $((SECONDS - start)) -ge "$next" ]; then
			say "debug-kernel: $(wc -l <"$log") of about 1,800 steps after $next s"
			next=$((next + 30))
		fi
	done
	if ! wait "$pid"; then
		tail -n 25 "$log" | sed 's/^/  | /' >&2
		die "the debug kernel does not build" "read the compiler's message above"
	fi
	say "debug-kernel: built in $((SECONDS - start)) s"
}

# What modules are built against is a small part of the tree.
debug_prune()
{
	local tree=$1 into=$2

	mkdir -p "$into/arch/x86" "$into/tools"
	cp -a "$tree"/{Makefile,Kbuild,.config,include,scripts,System.map} "$into/"
	cp -a "$tree/vmlinux.symvers" "$into/Module.symvers"
	cp -a "$tree"/arch/x86/{Makefile*,include} "$into/arch/x86/"
	cp -a "$tree"/tools/{objtool,include,scripts,build} "$into/tools/"
	find "$into" \( -name '*.o' -o -name '*.a' -o -name '.*.cmd' \) -delete
	# Modules that were built while this kernel was are older than it.
	touch "$into/.config"
}

step_debug_kernel()
{
	local series=6.12 suites version key tree root from release

	read -ra suites < <(host_suites)
	key="1 $(sha256sum <"$here/debug-kernel.config" | cut -c1-16)"
	# The source's version is part of the key only when lists are read anyway: a finished kernel is kept.
	if is_done kernel-debug "$key" kernel-debug/vmlinuz kernel-debug/build/Makefile; then
		say "kernel-debug: Linux $(cat "$cache/kernel-debug/release") is there"
		return
	fi
	[ "$arch" = amd64 ] || die "no debug kernel for architecture $arch yet" "use an amd64 host"
	need_command flex flex
	need_command bison bison
	need_command bc bc
	private_apt host "${suites[@]}"
	version=$(candidate "linux-source-$series")
	say "debug-kernel: fetching linux-source-$series $version (150 MB)"
	fetch_debs "$tmp/debug-source" "linux-source-$series"
	from=$tmp/debug-source/usr/src/linux-source-$series.tar.xz
	tree=$tmp/debug-tree
	mkdir -p "$tree"
	run_quiet "cannot unpack $(basename "$from")" "2 GB of room are needed in $cache" \
		tar -xJf "$from" -C "$tree" --strip-components=1 --exclude='*/Documentation/*/*' \
		--exclude="*/tools/testing" --exclude='*/drivers/gpu/drm/[a-uw-z]*/*.[ch]' --exclude='*/sound/*.[ch]'
	rm -rf "$tmp/debug-source"
	debug_config "$tree"
	say "debug-kernel: building Linux $version"
	debug_make "$tree"
	release=$(cat "$tree/include/config/kernel.release")
	root=$tmp/kernel-debug
	mkdir -p "$root/build" "$root/modules"
	debug_prune "$tree" "$root/build"
	cp "$tree/arch/x86/boot/bzImage" "$root/vmlinuz"
	cp "$tree/.config" "$root/config"
	cp "$tree"/modules.builtin* "$root/modules/"
	: >"$root/modules/modules.order"
	: >"$root/modules/modules.dep"
	echo "$release" >"$root/release"
	echo "panic_on_warn=1" >"$root/cmdline"
	kernel_unpack "$root"
	publish "$root" kernel-debug
	kernel_prove "$cache/kernel-debug/build" make
	mark_done kernel-debug "$key"
	say "kernel-debug: done, Linux $release, builds modules"
}
