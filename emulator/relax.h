/* SPDX-License-Identifier: Apache-2.0 */
/* For loops that wait for another thread: the processor may do something else for a moment. */
#ifndef EMU_RELAX_H
#define EMU_RELAX_H

static inline void emu_relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

#endif
