-- Transcripts: conversations that another system kept as text files. A person imports them; no sync reads them.

create table landing.transcripts (like landing.listings including all);
comment on table landing.transcripts is
    'Transcripts of conversations as `sync-hostaway import-transcripts` read them. One row per account and file';
comment on column landing.transcripts.entity_id is
    'from the listing folder and the name of the file: a second import of a file meets its row';

-- A name is compared by a hash: the name itself is personal data, and is erased.
alter table ops.erasures drop constraint erasures_kind_check;
alter table ops.erasures add constraint erasures_kind_check
    check (kind in ('reservation', 'conversation', 'guest_name'));
comment on table ops.erasures is
    'reservations and conversations of guests who were erased. Their payloads land without personal data. guest_name: SHA-256 of a name, whose transcripts are not imported';
