# SPDX-License-Identifier: Apache-2.0
# Installation: what goes where, manual pages, completion, Debian packages.
#
#   make install DESTDIR= prefix=/usr/local      install-user, and the driver's package (install-dkms)
#   make install-user                            all but the driver; prefix=$HOME/.local needs no root
#   make uninstall, uninstall-user               the same arguments: takes away what they installed
#   make man                                     manual pages, in $(O)/man
#   make deb                                     Debian packages, in $(O)/deb
#
# TOOLS, to which each part adds its own, are the programs. Of each, --help makes the manual page (with
# packaging/man/TOOL.txt, where there is one) and the completion. Headers make the pages of libnrt.

prefix ?= /usr/local
bindir ?= $(prefix)/bin
libdir ?= $(prefix)/lib
includedir ?= $(prefix)/include
datadir ?= $(prefix)/share
mandir ?= $(datadir)/man
docdir ?= $(datadir)/doc/neuron
unitdir ?= $(prefix)/lib/systemd/system
completiondir ?= $(datadir)/bash-completion/completions

NRT_HEADERS := $(wildcard userspace/include/nrt/*.h)
MAN3_STAMP := $(O)/man/man3/libnrt.3
MAN_PAGES = $(TOOLS:%=$(O)/man/man1/%.1) $(O)/man/man4/neuron.4 $(MAN3_STAMP)
COMPLETIONS = $(TOOLS:%=$(O)/completions/%)
UNITS = $(patsubst %,$(O)/systemd/%.service,$(filter neuron-monitor,$(TOOLS)))

# One run writes the pages of all functions.
$(MAN3_STAMP): packaging/man3.py packaging/roff.py $(NRT_HEADERS) mk/config.mk
	$(say) MAN $(dir $@)
	$(Q)$(PYTHON) packaging/man3.py --version $(VERSION) --output $(dir $@) $(NRT_HEADERS)

$(O)/man/man1/%.1: $(O)/bin/% packaging/man1.py packaging/tool_help.py packaging/roff.py $(wildcard packaging/man/*.txt) | $(O)/lib/libnrt.so.1
	$(say) MAN $@
	$(Q)mkdir -p $(dir $@)
	$(Q)$(PYTHON) packaging/man1.py --version $(VERSION) --build $(O) --notes packaging/man/$*.txt --tools "$(TOOLS)" \
		--output $@ $*

$(O)/man/man4/%.4: packaging/man/%.4 mk/config.mk
	$(say) MAN $@
	$(Q)mkdir -p $(dir $@)
	$(Q)sed 's|@version@|$(VERSION)|' $< > $@

$(O)/completions/%: $(O)/bin/% packaging/completion.py packaging/tool_help.py | $(O)/lib/libnrt.so.1
	$(say) GEN $@
	$(Q)mkdir -p $(dir $@)
	$(Q)$(PYTHON) packaging/completion.py --build $(O) --output $@ $*

$(O)/systemd/%.service: packaging/systemd/%.service packaging/part.mk FORCE
	$(Q)mkdir -p $(dir $@)
	$(Q)sed 's|@bindir@|$(bindir)|' $< > $@

.PHONY: man install install-user install-lib install-dev install-tools install-man uninstall uninstall-user deb FORCE
man: $(MAN_PAGES)

install: install-user install-dkms
install-dkms: $(FW_IMAGE)
install-user: install-lib install-dev install-tools install-man

install-lib: $(O)/lib/libnrt.so.1
	$(Q)install -D -m 644 $< $(DESTDIR)$(libdir)/libnrt.so.1

install-dev: $(NRT_HEADERS)
	$(Q)install -d $(addprefix $(DESTDIR)$(includedir)/,nrt linux neuron) $(DESTDIR)$(libdir)/pkgconfig
	$(Q)install -m 644 $(NRT_HEADERS) $(DESTDIR)$(includedir)/nrt/
	$(Q)install -m 644 uapi/linux/*.h $(DESTDIR)$(includedir)/linux/
	$(Q)install -m 644 uapi/neuron/* $(DESTDIR)$(includedir)/neuron/
	$(Q)ln -sf libnrt.so.1 $(DESTDIR)$(libdir)/libnrt.so
	$(Q)$(call libnrt-pc,$(prefix),$(includedir),$(libdir)) userspace/lib/libnrt.pc.in > $(DESTDIR)$(libdir)/pkgconfig/libnrt.pc
	$(Q)install -D -m 644 -t $(DESTDIR)$(docdir)/examples userspace/examples/*.c

# What the emulated chip has in flash lies apart from what the driver may load into a chip.
install-tools: $(TOOLS:%=$(O)/bin/%) $(COMPLETIONS) $(UNITS) $(FW_IMAGE)
	$(Q)install -D -m 755 -t $(DESTDIR)$(bindir) $(TOOLS:%=$(O)/bin/%)
	$(Q)install -D -m 644 -t $(DESTDIR)$(completiondir) $(COMPLETIONS)
	$(Q)install -D -m 644 -t $(DESTDIR)$(datadir)/neuron $(FW_IMAGE)
	$(Q)for f in $(UNITS); do install -D -m 644 -t $(DESTDIR)$(unitdir) $$f; done

install-man: $(MAN_PAGES)
	$(Q)for n in 1 3 4; do install -D -m 644 -t $(DESTDIR)$(mandir)/man$$n $(O)/man/man$$n/*.$$n; done
	$(Q)install -D -m 644 -t $(DESTDIR)$(docdir) README.md docs/*.md

# Installed once more elsewhere, which tells the names.
uninstall uninstall-user:
	$(Q)t=$$(mktemp -d $(abspath $(O))/uninstall.XXXXXX) && trap 'rm -rf "$$t"' EXIT && \
	$(MAKE) --no-print-directory $(patsubst un%,%,$@) DESTDIR="$$t" && cd "$$t" && \
	find . ! -type d -printf '$(DESTDIR)/%P\0' | xargs -0 rm -f && \
	{ find . -depth -type d \( -path '*neuron*' -o -path '*/nrt' \) -printf '$(DESTDIR)/%P\0' | \
		xargs -0 -r rmdir --ignore-fail-on-non-empty -- 2>/dev/null || true; }

deb:
	$(Q)packaging/build-deb --out $(O)
