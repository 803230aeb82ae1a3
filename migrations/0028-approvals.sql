-- How and by which door an approval was answered, as `<how>/<door>`; `password/…` is signed.
ALTER TABLE approvals ADD COLUMN decided_auth TEXT;
