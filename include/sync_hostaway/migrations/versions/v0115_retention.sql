-- The retention of deleted payloads looks for rows that were deleted and not stripped yet: an empty hash marks those that
-- were. Nearly all rows are in none of these indexes, so they cost little.

create index listings_deleted on landing.listings (deleted_at) where deleted_at is not null and payload_hash <> '';
create index reservations_deleted on landing.reservations (deleted_at) where deleted_at is not null and payload_hash <> '';
create index conversations_deleted on landing.conversations (deleted_at) where deleted_at is not null and payload_hash <> '';
create index messages_deleted on landing.messages (deleted_at) where deleted_at is not null and payload_hash <> '';
create index calendar_days_deleted on landing.calendar_days (deleted_at) where deleted_at is not null and payload_hash <> '';
create index reviews_deleted on landing.reviews (deleted_at) where deleted_at is not null and payload_hash <> '';
create index tasks_deleted on landing.tasks (deleted_at) where deleted_at is not null and payload_hash <> '';
create index users_deleted on landing.users (deleted_at) where deleted_at is not null and payload_hash <> '';
create index coupons_deleted on landing.coupons (deleted_at) where deleted_at is not null and payload_hash <> '';
