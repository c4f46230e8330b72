with figure_count as materialized (select place.unit_id, place.parent_id, sum(n0)::bigint as n0, sum(n1)::bigint as n1, sum(n2)::bigint as n2
  from (select t3.city_id, t3.county_id, t3.township_id, t3.village_id, count(*) filter (where t3.state = any($4::text[])) as n0, count(*) filter (where t3.state = any($5::text[])) as n1, count(*) filter (where true) as n2
    from issue t3
    where t3.city_id = $3::bigint
    and (t3.handed_over_at is not null)
    and (t3.state = 'DISMISSED') is not true group by t3.city_id, t3.county_id, t3.township_id, t3.village_id) counted cross join lateral (values (city_id, null::bigint), (county_id, city_id), (township_id, county_id), (village_id, township_id)) place(unit_id, parent_id)
  where place.unit_id is not null
  or place.parent_id is not null group by 1, 2), figure_0 as (select id as unit_id, unit.parent_id, city_id, county_id, township_id, village_id, coalesce(n0, 0) as n0, coalesce(n1, 0) as n1, coalesce(n2, 0) as n2
  from unit
  left join figure_count on unit_id = id
  where unit.parent_id is null
  or unit.parent_id in (select unit_id
    from figure_count
    where unit_id is not null)
  union all select unit_id, id, city_id, county_id, township_id, village_id, n0, n1, n2
  from figure_count join unit on id = figure_count.parent_id
  where unit_id is null), figure_own_0 as materialized (select *, bool_or(sign) over (partition by parent_id
    order by n2 range between current row
    and unbounded following) as own
  from (select *, (n2 between 1
      and 4
      or max(n2) over (partition by parent_id
        order by n2 range between unbounded preceding
        and 1 preceding) between 1
      and 4) as sign
    from figure_0) figure_0), figure_1 as (select own.unit_id, own.parent_id, own.city_id, own.county_id, own.township_id, own.village_id, own.n0, own.n1, own.n2, own.own is true
  or city_id.own is true
  or county_id.own is true
  or township_id.own is true as h0
  from figure_own_0 own
  left join figure_own_0 city_id on city_id.unit_id = own.city_id
  left join figure_own_0 county_id on county_id.unit_id = own.county_id
  left join figure_own_0 township_id on township_id.unit_id = own.township_id), figure_own_1 as materialized (select *, bool_or(sign) over (partition by parent_id
    order by n2 range between current row
    and unbounded following) as own
  from (select *, (n0 between 1
      and 4
      or sum(n0) over (partition by parent_id
        order by n2 range between unbounded preceding
        and 1 preceding) between 1
      and 4)
    or (n1 between 1
      and 4
      or sum(n1) over (partition by parent_id
        order by n2 range between unbounded preceding
        and 1 preceding) between 1
      and 4)
    or (n2 - n0 - n1 between 1
      and 4
      or sum(n2 - n0 - n1) over (partition by parent_id
        order by n2 range between unbounded preceding
        and 1 preceding) between 1
      and 4)
    and not h0 as sign
    from figure_1) figure_1), figure_2 as (select own.unit_id, own.parent_id, own.city_id, own.county_id, own.township_id, own.village_id, own.n0, own.n1, own.n2, own.h0, own.own is true
  or city_id.own is true
  or county_id.own is true
  or township_id.own is true
  or own.h0 as h1
  from figure_own_1 own
  left join figure_own_1 city_id on city_id.unit_id = own.city_id
  left join figure_own_1 county_id on county_id.unit_id = own.county_id
  left join figure_own_1 township_id on township_id.unit_id = own.township_id), figure as materialized (select unit_id, case
  when h1 then null
  else n0 end as n0, case
  when h0 then null
  else n2 end as n1, case
  when h1 then null
  else n1 end as n2, num_nonnulls(city_id, county_id, township_id, village_id) as depth
  from figure_2
  where unit_id is not null) select convert_to('{"city":'
  || coalesce((select '{"name":'
      || (to_json(t1.name)::text)
      || ',"metrics":'
      || (select '{"rectificationRate":{"numerator":'
        || coalesce((figure.n0 * (figure.unit_id = t1.id)::int)::text, 'null')
        || ',"denominator":'
        || coalesce((figure.n1 * (figure.unit_id = t1.id)::int)::text, 'null')
        || '}}'
        from (select *
          from figure
          where unit_id in (t1.city_id, t1.county_id, t1.township_id, t1.village_id)
          order by depth desc
          limit 1) figure)
      || ',"issues":{"totalCount":'
      || (select (select count(*)
          from issue t4
          where false)
        || ',"nodes":['
        || coalesce(string_agg('{"number":'
            || (to_json(t4.number)::text)
            || '}', ','
            order by t4.reported_at desc, t4.id desc), '')
        from (select t4.*
          from issue t4
          where false
          order by t4.reported_at desc, t4.id desc
          limit 50) t4
        having true)
      || ']},"counties":{"nodes":['
      || (select coalesce(string_agg('{"name":'
            || (to_json(t5.name)::text)
            || ',"metrics":'
            || (select '{"underWay":{"numerator":'
              || coalesce((figure.n2 * (figure.unit_id = t5.id)::int)::text, 'null')
              || '}}'
              from (select *
                from figure
                where unit_id in (t5.city_id, t5.county_id, t5.township_id, t5.village_id)
                order by depth desc
                limit 1) figure)
            || '}', ','
            order by t5.code), '')
        from (select t5.*
          from unit t5
          where t5.city_id = t1.id
          and t5.city_id = $2::bigint
          and t5.level = 'COUNTY'
          order by t5.code
          limit 50) t5
        having true)
      || ']},"cadres":{"totalCount":'
      || (select count(*)
        from cadre t7
        where false)
      || '}}'
      from unit t1
      where t1.id = $1::bigint
      and t1.city_id = $2::bigint
      and t1.level = 'CITY'), 'null')
  || '}', 'UTF8')
-- $1 = 1
-- $2 = 1
-- $3 = 1
-- $4 = ['RECTIFIED', 'CLOSED']
-- $5 = ['ASSIGNED', 'RECTIFYING', 'FEEDBACK']
