//! Lists of partitions, which C looks into and fills.

use std::cmp::Ordering;
use std::ffi::{CStr, c_char, c_int, c_void};

use ottla::{OffsetAndMetadata, StartAt, Text, TopicPartition};

use crate::boundary::{bytes, c_string, text};
use crate::error::{INVALID_ARG, NO_ERROR, UNKNOWN_PARTITION};
use crate::types::{offset, rd_kafka_resp_err_t, rd_kafka_topic_partition_list_s as List, rd_kafka_topic_partition_s as Elem};

/// What hangs on an element's `_private`.
#[derive(Clone)]
struct Extra {
    leader_epoch: i32,
}

/// A list for C, with room for so many.
pub(crate) fn new(room: usize) -> *mut List {
    let list = Box::into_raw(Box::new(List { cnt: 0, size: 0, elems: std::ptr::null_mut() }));
    // SAFETY: it was just made.
    grow(unsafe { &mut *list }, room);
    list
}

/// Sees to room for so many elements.
fn grow(list: &mut List, room: usize) {
    let size = usize::try_from(list.size).unwrap_or(0);
    if room <= size {
        return;
    }
    // SAFETY: it is null or what realloc gave here before; C's allocator, since applications look into these lists.
    let elems = unsafe { libc::realloc(list.elems.cast(), room.saturating_mul(size_of::<Elem>())) };
    if !elems.is_null() {
        list.elems = elems.cast();
        list.size = c_int::try_from(room).unwrap_or(c_int::MAX);
    }
}

/// A copy of a text in C's memory.
fn duplicate(text: &str) -> *mut c_char {
    // SAFETY: a string that ends in a zero byte; null if there is no memory.
    unsafe { libc::strdup(c_string(text).as_ptr()) }
}

fn fresh(topic: &str, partition: i32) -> Elem {
    Elem {
        topic: duplicate(topic),
        partition,
        offset: offset::INVALID,
        metadata: std::ptr::null_mut(),
        metadata_size: 0,
        opaque: std::ptr::null_mut(),
        err: NO_ERROR,
        _private: std::ptr::null_mut(),
    }
}

/// A partition that stands alone, for `rd_kafka_topic_partition_destroy`; null if there is no memory.
pub(crate) fn alone(topic: &str, partition: i32, offset: i64, err: c_int) -> *mut Elem {
    // SAFETY: any size may be asked for.
    let place = unsafe { libc::malloc(size_of::<Elem>()) }.cast::<Elem>();
    if !place.is_null() {
        // SAFETY: there is room for it, and nothing in it yet.
        unsafe { place.write(Elem { offset, err, ..fresh(topic, partition) }) };
    }
    place
}

/// Appends an element; `None` if there is no memory.
pub(crate) fn add<'a>(list: &'a mut List, topic: &str, partition: i32) -> Option<&'a mut Elem> {
    let count = usize::try_from(list.cnt).unwrap_or(0);
    if count >= usize::try_from(list.size).unwrap_or(0) {
        grow(list, (count * 2).max(16));
        if count >= usize::try_from(list.size).unwrap_or(0) {
            return None;
        }
    }
    let elem = fresh(topic, partition);
    // SAFETY: there is room at `count`, and what lies there is not initialised, so that it is written and not assigned.
    let place = unsafe { list.elems.add(count) };
    // SAFETY: as above.
    unsafe { place.write(elem) };
    list.cnt += 1;
    // SAFETY: it was just written, and belongs to the list, which is borrowed for as long.
    Some(unsafe { &mut *place })
}

/// The elements of a list; none of a null.
///
/// # Safety
/// `list` is null or a list of this library that nobody changes meanwhile.
pub(crate) unsafe fn elems<'a>(list: *const List) -> &'a [Elem] {
    // SAFETY: the caller's promise.
    match unsafe { list.as_ref() } {
        // SAFETY: so many elements were written.
        Some(list) if !list.elems.is_null() => unsafe {
            std::slice::from_raw_parts(list.elems, usize::try_from(list.cnt).unwrap_or(0))
        },
        _ => &[],
    }
}

/// [`elems`], to be changed.
///
/// # Safety
/// `list` is null or a list of this library that nobody else uses meanwhile.
pub(crate) unsafe fn elems_mut<'a>(list: *mut List) -> &'a mut [Elem] {
    // SAFETY: the caller's promise.
    match unsafe { list.as_ref() } {
        // SAFETY: so many elements were written.
        Some(list) if !list.elems.is_null() => unsafe {
            std::slice::from_raw_parts_mut(list.elems, usize::try_from(list.cnt).unwrap_or(0))
        },
        _ => &mut [],
    }
}

impl Elem {
    /// The topic; empty if it is no UTF-8.
    pub(crate) fn topic(&self) -> &str {
        // SAFETY: a text that the list owns, or null.
        unsafe { text(self.topic) }.unwrap_or_default()
    }

    /// The partition.
    pub(crate) fn key(&self) -> TopicPartition {
        TopicPartition::new(self.topic(), self.partition)
    }

    /// The metadata as a text.
    pub(crate) fn metadata_text(&self) -> String {
        // SAFETY: so many bytes, or null.
        let bytes = unsafe { bytes(self.metadata, self.metadata_size) }.unwrap_or_default();
        String::from_utf8_lossy(bytes).into_owned()
    }

    /// Puts metadata in, in C's memory.
    pub(crate) fn set_metadata(&mut self, metadata: &str) {
        // SAFETY: null or what was allocated so.
        unsafe { libc::free(self.metadata) };
        (self.metadata, self.metadata_size) = (std::ptr::null_mut(), 0);
        if !metadata.is_empty() {
            let copy = duplicate(metadata);
            if !copy.is_null() {
                // SAFETY: just made, and ends in a zero byte.
                self.metadata_size = unsafe { CStr::from_ptr(copy) }.to_bytes().len();
                self.metadata = copy.cast();
            }
        }
    }

    /// The leader's epoch, -1 if unknown.
    pub(crate) fn leader_epoch(&self) -> i32 {
        // SAFETY: null or an `Extra` of this module's.
        unsafe { self._private.cast::<Extra>().as_ref() }.map_or(-1, |extra| extra.leader_epoch)
    }

    /// Sets the leader's epoch.
    pub(crate) fn set_leader_epoch(&mut self, leader_epoch: i32) {
        // SAFETY: null or an `Extra` of this module's.
        match unsafe { self._private.cast::<Extra>().as_mut() } {
            Some(extra) => extra.leader_epoch = leader_epoch,
            None if leader_epoch >= 0 => self._private = Box::into_raw(Box::new(Extra { leader_epoch })).cast(),
            None => {}
        }
    }

    /// The offset to commit or store.
    pub(crate) fn to_commit(&self) -> OffsetAndMetadata {
        OffsetAndMetadata { offset: self.offset, leader_epoch: self.leader_epoch(), metadata: Text::from(self.metadata_text()) }
    }

    /// Takes in a committed offset.
    pub(crate) fn set_committed(&mut self, committed: Option<&OffsetAndMetadata>) {
        self.offset = committed.map_or(offset::INVALID, |committed| committed.offset);
        self.set_leader_epoch(committed.map_or(-1, |committed| committed.leader_epoch));
        self.set_metadata(committed.map_or("", |committed| committed.metadata.as_str()));
    }

    fn free(&mut self) {
        // SAFETY: null or what was allocated by C's allocator.
        unsafe {
            libc::free(self.topic.cast());
            libc::free(self.metadata);
        }
        if !self._private.is_null() {
            // SAFETY: an `Extra` of this module's.
            drop(unsafe { Box::from_raw(self._private.cast::<Extra>()) });
        }
        (self.topic, self.metadata, self._private) = (std::ptr::null_mut(), std::ptr::null_mut(), std::ptr::null_mut());
    }
}

/// Where an offset of C's says to start.
pub(crate) fn start_at(at: i64) -> StartAt {
    match at {
        offset::BEGINNING => StartAt::Beginning,
        offset::END => StartAt::End,
        0.. => StartAt::Offset(at),
        _ => StartAt::Default,
    }
}

/// A list of these partitions for C.
pub(crate) fn of<'a>(partitions: impl IntoIterator<Item = &'a TopicPartition>) -> *mut List {
    let list = new(0);
    for key in partitions {
        // SAFETY: made above, and nobody else knows of it.
        add(unsafe { &mut *list }, key.topic.as_str(), key.partition);
    }
    list
}

/// `rd_kafka_topic_partition_list_new`.
#[unsafe(no_mangle)]
pub extern "C" fn rd_kafka_topic_partition_list_new(size: c_int) -> *mut List {
    guarded!(std::ptr::null_mut(), { new(usize::try_from(size).unwrap_or(0)) })
}

/// `rd_kafka_topic_partition_list_destroy`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_topic_partition_list_destroy(rkparlist: *mut List) {
    if rkparlist.is_null() {
        return;
    }
    guarded!((), {
        // SAFETY: a list of this library, which the caller gives up.
        let list = unsafe { Box::from_raw(rkparlist) };
        // SAFETY: as above.
        unsafe { elems_mut(rkparlist) }.iter_mut().for_each(Elem::free);
        // SAFETY: null or what realloc gave.
        unsafe { libc::free(list.elems.cast()) };
    });
}

/// `rd_kafka_topic_partition_destroy`: a partition that stands alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_topic_partition_destroy(rktpar: *mut Elem) {
    if !rktpar.is_null() {
        guarded!((), {
            // SAFETY: it was allocated alone by this library, and the caller gives it up.
            unsafe { (*rktpar).free() };
            // SAFETY: as above.
            unsafe { libc::free(rktpar.cast()) };
        });
    }
}

/// `rd_kafka_topic_partition_list_add`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_topic_partition_list_add(
    rktparlist: *mut List,
    topic: *const c_char,
    partition: i32,
) -> *mut Elem {
    guarded!(std::ptr::null_mut(), {
        // SAFETY: null, or a list and a text of the caller's.
        let (Some(list), Some(topic)) = (unsafe { rktparlist.as_mut() }, unsafe { text(topic) }) else {
            return std::ptr::null_mut();
        };
        add(list, topic, partition).map_or(std::ptr::null_mut(), std::ptr::from_mut)
    })
}

/// `rd_kafka_topic_partition_list_add_range`: partitions `start` to `stop`, both included.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_topic_partition_list_add_range(
    rktparlist: *mut List,
    topic: *const c_char,
    start: i32,
    stop: i32,
) {
    guarded!((), {
        // SAFETY: null, or a list and a text of the caller's.
        let (Some(list), Some(topic)) = (unsafe { rktparlist.as_mut() }, unsafe { text(topic) }) else { return };
        for partition in start..=stop {
            if add(list, topic, partition).is_none() {
                return;
            }
        }
    });
}

/// Takes an element out.
fn remove(list: &mut List, at: usize) {
    // SAFETY: nobody else uses the list meanwhile.
    let all = unsafe { elems_mut(list) };
    let Some(rest) = all.get_mut(at..) else { return };
    let Some(first) = rest.first_mut() else { return };
    first.free();
    rest.rotate_left(1);
    list.cnt -= 1;
}

/// The element of this partition.
///
/// # Safety
/// As [`elems`].
unsafe fn position(list: *const List, topic: *const c_char, partition: i32) -> Option<usize> {
    // SAFETY: the caller's promise.
    let topic = unsafe { text(topic) }?;
    // SAFETY: the caller's promise.
    unsafe { elems(list) }.iter().position(|elem| elem.partition == partition && elem.topic() == topic)
}

/// `rd_kafka_topic_partition_list_del`: 1 if it was there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_topic_partition_list_del(rktparlist: *mut List, topic: *const c_char, partition: i32) -> c_int {
    guarded!(0, {
        // SAFETY: null, or a list and a text of the caller's.
        match (unsafe { position(rktparlist, topic, partition) }, unsafe { rktparlist.as_mut() }) {
            (Some(at), Some(list)) => {
                remove(list, at);
                1
            }
            _ => 0,
        }
    })
}

/// `rd_kafka_topic_partition_list_del_by_idx`: 1 if it was there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_topic_partition_list_del_by_idx(rktparlist: *mut List, idx: c_int) -> c_int {
    guarded!(0, {
        // SAFETY: null or a list of the caller's.
        match (unsafe { rktparlist.as_mut() }, usize::try_from(idx)) {
            (Some(list), Ok(at)) if idx < list.cnt => {
                remove(list, at);
                1
            }
            _ => 0,
        }
    })
}

/// `rd_kafka_topic_partition_list_find`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_topic_partition_list_find(
    rktparlist: *const List,
    topic: *const c_char,
    partition: i32,
) -> *mut Elem {
    guarded!(std::ptr::null_mut(), {
        // SAFETY: null, or a list and a text of the caller's.
        match (unsafe { position(rktparlist, topic, partition) }, unsafe { rktparlist.as_ref() }) {
            // SAFETY: the index is within the list.
            (Some(at), Some(list)) => unsafe { list.elems.add(at) },
            _ => std::ptr::null_mut(),
        }
    })
}

/// `rd_kafka_topic_partition_list_set_offset`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_topic_partition_list_set_offset(
    rktparlist: *mut List,
    topic: *const c_char,
    partition: i32,
    offset: i64,
) -> rd_kafka_resp_err_t {
    guarded!(INVALID_ARG, {
        // SAFETY: null, or a list and a text of the caller's.
        match unsafe { rd_kafka_topic_partition_list_find(rktparlist, topic, partition).as_mut() } {
            Some(elem) => {
                elem.offset = offset;
                NO_ERROR
            }
            None => UNKNOWN_PARTITION,
        }
    })
}

/// A copy of a list, with all that is in it but what the library keeps for itself.
///
/// # Safety
/// As [`elems`].
pub(crate) unsafe fn copy(src: *const List) -> *mut List {
    // SAFETY: the caller's promise.
    let all = unsafe { elems(src) };
    let list = new(all.len());
    for from in all {
        // SAFETY: made above.
        let Some(to) = add(unsafe { &mut *list }, from.topic(), from.partition) else { break };
        (to.offset, to.opaque, to.err) = (from.offset, from.opaque, from.err);
        // Any bytes may be metadata.
        if !from.metadata.is_null() && from.metadata_size > 0 {
            // SAFETY: so many bytes are there; null if there is no memory.
            let metadata = unsafe { libc::malloc(from.metadata_size) };
            if !metadata.is_null() {
                // SAFETY: both have so many bytes.
                unsafe { std::ptr::copy_nonoverlapping(from.metadata.cast::<u8>(), metadata.cast::<u8>(), from.metadata_size) };
                (to.metadata, to.metadata_size) = (metadata, from.metadata_size);
            }
        }
        to.set_leader_epoch(from.leader_epoch());
    }
    list
}

/// `rd_kafka_topic_partition_list_copy`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_topic_partition_list_copy(src: *const List) -> *mut List {
    // SAFETY: null or a list of the caller's.
    guarded!(std::ptr::null_mut(), { if src.is_null() { std::ptr::null_mut() } else { unsafe { copy(src) } } })
}

/// How C compares two elements.
type Compare = unsafe extern "C" fn(a: *const c_void, b: *const c_void, cmp_opaque: *mut c_void) -> c_int;

/// `rd_kafka_topic_partition_list_sort`: by topic and partition, if there is no function that says otherwise.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_topic_partition_list_sort(
    rktparlist: *mut List,
    cmp: Option<Compare>,
    cmp_opaque: *mut c_void,
) {
    guarded!((), {
        // SAFETY: null or a list of the caller's.
        let all = unsafe { elems_mut(rktparlist) };
        match cmp {
            None => all.sort_by(|a, b| a.topic().cmp(b.topic()).then(a.partition.cmp(&b.partition))),
            Some(cmp) => all.sort_by(|a, b| {
                // SAFETY: C's function, with what it asked for.
                let order = unsafe { cmp(std::ptr::from_ref(a).cast(), std::ptr::from_ref(b).cast(), cmp_opaque) };
                if order == 0 { Ordering::Equal } else { order.cmp(&0) }
            }),
        }
    });
}

/// `rd_kafka_topic_partition_get_leader_epoch`: -1 if unknown.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_topic_partition_get_leader_epoch(rktpar: *const Elem) -> i32 {
    // SAFETY: null or an element of a list.
    unsafe { rktpar.as_ref() }.map_or(-1, Elem::leader_epoch)
}

/// `rd_kafka_topic_partition_set_leader_epoch`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_topic_partition_set_leader_epoch(rktpar: *mut Elem, leader_epoch: i32) {
    // SAFETY: null or an element of a list.
    if let Some(elem) = unsafe { rktpar.as_mut() } {
        guarded!((), { elem.set_leader_epoch(leader_epoch) });
    }
}
